import { describe, expect, it } from 'vitest';
import { proxyFor } from './proxy.ts';

const PROXY = 'http://proxy.test:3128';
const env = { HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY };

describe('proxyFor', () => {
  it.each([
    ['http://a.test/', { HTTP_PROXY: PROXY }, true],
    ['ws://a.test/', { HTTP_PROXY: PROXY }, true],
    ['https://a.test/', { HTTP_PROXY: PROXY }, false],
    ['wss://a.test/', { HTTP_PROXY: PROXY }, false],
    ['wss://a.test/', { https_proxy: PROXY, HTTPS_PROXY: 'http://other.test' }, true],
    ['https://a.test/', { HTTPS_PROXY: '' }, false],
    ['https://a.test/', {}, false],
    ['ws://localhost/', env, false],
    ['ws://a.localhost/', env, false],
    ['wss://127.9.9.9/', env, false],
    ['wss://[::1]/', env, false],
    ['wss://a.test/', { ...env, NO_PROXY: '*' }, false],
    ['wss://a.test/', { ...env, NO_PROXY: 'b.test, a.test' }, false],
    ['wss://x.a.test/', { ...env, NO_PROXY: 'a.test' }, false],
    ['wss://x.a.test/', { ...env, no_proxy: '*.a.test' }, false],
    ['wss://xa.test/', { ...env, NO_PROXY: '.a.test a.test' }, true],
    ['wss://A.Test/', { ...env, NO_PROXY: 'a.TEST' }, false],
    ['wss://a.test/', { ...env, NO_PROXY: 'a.test:443' }, false],
    ['ws://a.test/', { ...env, NO_PROXY: 'a.test:443' }, true],
    ['ws://a.test:443/', { ...env, NO_PROXY: 'a.test:443' }, false],
    ['ws://a.test/', { ...env, NO_PROXY: ',,' }, true],
  ])('%s in %j: %s', (url, environment, isProxied) => {
    expect(proxyFor(new URL(url), environment)?.origin).toBe(isProxied ? PROXY : undefined);
  });

  it('takes a proxy without a scheme for one over HTTP', () => {
    expect(proxyFor(new URL('ws://a.test'), { HTTP_PROXY: 'proxy.test:3128' })?.href).toBe(`${PROXY}/`);
  });

  it.each(['socks5://proxy.test', 'http://', 'http://a b'])('refuses %s', (text) => {
    expect(() => proxyFor(new URL('ws://a.test'), { HTTP_PROXY: text })).toThrow(/HTTP_PROXY/);
  });
});
