import { describe, expect, it } from 'vitest';
import { installsBase } from './place.ts';

describe('where packages are installed', () => {
  it('is below the state, but for root, whose children do not get there', () => {
    expect(installsBase('/s', {}, false)).toBe('/s/installs');
    expect(installsBase('/s', {}, true)).toMatch(/^\/var\/cache\/sallyport\/installs\/[0-9a-f]{24}$/);
    expect(installsBase('/s', { CACHE_DIRECTORY: '/c:/d' }, true)).toMatch(/^\/c\/installs\/[0-9a-f]{24}$/);
    expect(installsBase('/s', {}, true)).not.toBe(installsBase('/t', {}, true));
    expect(installsBase(undefined, {}, false)).toBeUndefined();
  });
});
