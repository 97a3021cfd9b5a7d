import { describe, expect, it } from 'vitest';
import { bcryptProblem, loadBcrypt } from './bcrypt.ts';

/** Made by the C library's crypt: of a key, and of one that is longer than bcrypt reads. */
const FOREIGN = '$2b$10$abcdefghijklmnopqrstuuS3TkLaW/699dH28jQIDlA0VLvVpXQgK';
const FOREIGN_LONG = '$2b$10$abcdefghijklmnopqrstuuO3iepBw7WKtPg4zYgoS9dR64B0ZZMDi';

const long = 'Kq7_vX2mP9'.repeat(8);

describe('bcrypt', () => {
  it('P4-06 makes hashes of the documented form, which fit their key alone', async () => {
    const { compare, hash } = await loadBcrypt();
    const made = await hash(long.slice(0, 40));
    expect(made).toMatch(/^\$2[aby]\$1\d\$[./A-Za-z0-9]{53}$/);
    expect(bcryptProblem(made)).toBeUndefined();
    expect(await compare(long.slice(0, 40), made)).toBe(true);
    expect(await compare(`${long.slice(0, 39)}x`, made)).toBe(false);
  });

  it('P4-06 tells keys apart that differ after byte 72', async () => {
    const { compare, hash } = await loadBcrypt();
    const made = await hash(`${long.slice(0, 72)}one`);
    expect(await compare(`${long.slice(0, 72)}one`, made)).toBe(true);
    expect(await compare(`${long.slice(0, 72)}two`, made)).toBe(false);
    expect(await compare(long.slice(0, 72), made)).toBe(false);
    const whole = await hash(long.slice(0, 72));
    expect(await compare(long.slice(0, 72), whole)).toBe(true);
    expect(await compare(`${long.slice(0, 72)}x`, whole)).toBe(false);
  });

  it('knows what others made, but not of more than 72 bytes', async () => {
    const { compare } = await loadBcrypt();
    for (const prefix of ['$2a$', '$2b$', '$2y$']) {
      const made = FOREIGN.replace('$2b$', prefix);
      expect(bcryptProblem(made)).toBeUndefined();
      expect(await compare('only1mcp-4f9a2c71d8e35b60a1', made)).toBe(true);
    }
    expect(await compare(`${long.slice(0, 72)}one`, FOREIGN_LONG)).toBe(false);
  });

  it.each([
    ['', /expected a bcrypt hash/],
    ['changeme', /expected a bcrypt hash/],
    ['5f4dcc3b5aa765d61d8327deb882cf99', /expected a bcrypt hash/],
    [`$2x$10$${'a'.repeat(53)}`, /expected a bcrypt hash/],
    [`$2b$10$${'a'.repeat(52)}`, /expected a bcrypt hash/],
    [`$2b$04$${'a'.repeat(53)}`, /too cheap/],
    [`$2b$09$${'a'.repeat(53)}`, /too cheap/],
    [`$2b$15$${'a'.repeat(53)}`, /too slow/],
    [`$2b$31$${'a'.repeat(53)}`, /too slow/],
  ])('P4-06 does not take %j', (hash, problem) => {
    expect(bcryptProblem(hash)).toMatch(problem);
  });
});
