/** Files that decide who is who, and may be written by others: certificates, authorities, and public keys of issuers. */
import { generateKeyPairSync } from 'node:crypto';
import { chmod, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startGateway, temporaryFolder, type Started } from '../gateway/gateway.ts';
import { askList, LOCALHOST, openPki, startSecured, type Authority } from './web-support.ts';

it('another authority of client certificates is not taken from a file that others may write', async () => {
  await using pki = await openPki();
  const [own, other] = [pki.authorityOf('clients'), pki.authorityOf('others')];
  const clientCa = await pki.write('clients.pem', own.cert);
  await using secured = await startSecured(pki, { auth: { mode: 'mtls' } }, { tls: { clientCa } });
  const { base, started } = secured;
  const statusOf = async (by: Authority): Promise<number> =>
    (
      await askList(`${base}/mcp`, {
        with: { ca: pki.authority.cert, ...by.issue({ commonName: 'ann', subjectAltName: 'URI:spiffe://a/b' }) },
      })
    ).status;
  expect([await statusOf(own), await statusOf(other)]).toEqual([200, 401]);
  const path = join(pki.folder, 'other.pem');
  await writeFile(path, other.cert);
  await chmod(path, 0o664);
  await rename(path, clientCa);
  const { level, detail } = await started.log.until(
    ({ text }) => text.startsWith('the new certificates'),
    'the refusal',
  );
  expect([level, detail['error']]).toEqual(['error', expect.stringMatching(/clients\.pem .*group \d+ \(mode 0664\)/)]);
  expect([await statusOf(own), await statusOf(other)]).toEqual([200, 401]);
  await pki.write('clients.pem', other.cert);
  await expect.poll(() => statusOf(other), { timeout: 20_000 }).toBe(200);
});

it.each([0o664, 0o646])('a gateway does not start with a file that others may write (mode %o)', async (mode) => {
  await using pki = await openPki();
  const files = await pki.writePair(pki.authority.issue(LOCALHOST));
  const clientCa = await pki.write('clients.pem', pki.authorityOf('clients').cert);
  await chmod(clientCa, mode);
  const listen = { port: 0, host: 'localhost', tls: { ...files, clientCa } };
  const starting = startGateway({ listen }, { stateDirectory: join(pki.folder, 'state') });
  await expect(starting).rejects.toThrow(`(mode 0${mode.toString(8)})`);
});

it('public keys of an issuer are read as they are mounted, and not when others may write them', async () => {
  await using folder = await temporaryFolder();
  await using state = await temporaryFolder();
  const file = join(folder.path, 'id.pem');
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(file, publicKey.export({ format: 'pem', type: 'spki' }));
  const start = (): Promise<Started> =>
    startGateway(
      { auth: { mode: 'jwt', jwt: { issuer: 'https://id.example', publicKeys: [file] } } },
      { stateDirectory: state.path },
    );
  await chmod(file, 0o444);
  await (await start())[Symbol.asyncDispose]();
  await chmod(file, 0o664);
  await expect(start()).rejects.toThrow(/id\.pem may be changed by group \d+ \(mode 0664\)/);
  await chmod(file, 0o444);
  await chmod(folder.path, 0o777);
  await expect(start()).rejects.toThrow('may be changed by everyone (mode 0777)');
});
