import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsMaterial } from '@sallyport/server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tlsOptions, upstreamTls } from './tls-files.ts';

const FILES = ['cert', 'key', 'clientCa', 'crl'] as const;

let directory: string;
let mount: string;

/** As Kubernetes mounts a volume: links into a dated directory, in files that nobody may write. */
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-tls-'));
  mount = join(directory, 'mount');
  await mkdir(join(mount, '..dated'), { recursive: true, mode: 0o755 });
  await symlink('..dated', join(mount, '..data'));
  for (const file of FILES) {
    await writeFile(join(mount, '..dated', file), file, { mode: 0o444 });
    await symlink(`..data/${file}`, join(mount, file));
  }
});

afterEach(async () => await rm(directory, { recursive: true }));

function load(): TlsMaterial {
  const [cert, key, clientCa, crl] = FILES.map((file) => join(mount, file)) as [string, string, string, string];
  return tlsOptions({ cert, key, clientCa, crl, minVersion: 'TLSv1.3', cipherSuites: ['x'] }, true).load();
}

describe('the files of listen.tls', () => {
  it('are read as they are mounted, and anew each time', async () => {
    const { ca, cert, crl, key } = load();
    expect([cert, key, ca, crl].map(String)).toEqual([...FILES]);
    await chmod(join(mount, '..dated', 'cert'), 0o644);
    await writeFile(join(mount, '..dated', 'cert'), 'renewed');
    expect(String(load().cert)).toBe('renewed');
  });

  it.each(FILES)('are refused, with file and mode, when others may write %s', async (file) => {
    expect(load()).toBeDefined();
    await chmod(join(mount, '..dated', file), 0o664);
    expect(load).toThrow(new RegExp(`${join(mount, '..dated', file)}.*group \\d+ \\(mode 0664\\)`));
    await chmod(join(mount, '..dated', file), 0o646);
    expect(load).toThrow('everyone (mode 0646)');
  });

  it.each(['mount/..dated', 'mount', '.'])('are refused when others may write the directory %s', async (path) => {
    await chmod(join(directory, path), 0o775);
    expect(load).toThrow('(mode 0775)');
    await chmod(join(directory, path), 0o755);
    expect(load()).toBeDefined();
  });

  it('may be large: a list of what an authority has revoked is', async () => {
    await chmod(join(mount, '..dated', 'crl'), 0o644);
    await writeFile(join(mount, '..dated', 'crl'), Buffer.alloc(4 * 1024 * 1024));
    expect(load().crl).toHaveLength(4 * 1024 * 1024);
    await writeFile(join(mount, '..dated', 'crl'), Buffer.alloc(16 * 1024 * 1024 + 1));
    expect(load).toThrow('larger than');
  });
});

describe('the files of the tls of a server', () => {
  const files = (): Parameters<typeof upstreamTls>[1] => ({
    ca: join(mount, 'clientCa'),
    cert: join(mount, 'cert'),
    key: join(mount, 'key'),
  });

  it('P1-12 are read as they are mounted, beside the pin', () => {
    const pin = 'sha256/pin';
    expect(upstreamTls('up', { ...files(), pin })).toEqual({ ca: 'clientCa', cert: 'cert', key: 'key', pin });
    expect(upstreamTls('up', { pin })).toEqual({ pin });
  });

  it('P1-12 are refused, with the key of the configuration, when others may write them or there are none', async () => {
    await chmod(join(mount, '..dated', 'clientCa'), 0o666);
    expect(() => upstreamTls('up', files())).toThrow(/^mcpServers\.up\.tls\.ca: .*mode 0666/);
    expect(() => upstreamTls('up', { ca: join(mount, 'none') })).toThrow(/^mcpServers\.up\.tls\.ca: .*none/);
  });
});
