/** For tests: an authority that nobody knows, and what it signs. Nothing of the package imports it. */

import { execFile } from 'node:child_process';
import { hash, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Signed {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Signed {
  /** `names` as openssl has them: `DNS:a.test,IP:127.0.0.1`. `days` from now; negative: it has expired. */
  readonly sign: (names: string, days?: number) => Promise<Signed>;
  /** Of no authority at all. */
  readonly signItself: (names: string) => Promise<Signed>;
  readonly end: () => Promise<void>;
}

const KEY = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';

export async function createAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-authority-'));
  const openssl = (line: string): Promise<unknown> => promisify(execFile)('openssl', line.split(' '), { cwd: folder });
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  await openssl(
    `req -x509 ${KEY} -days 2 -keyout ca.key -out ca.pem -subj /CN=authority -addext keyUsage=critical,keyCertSign`,
  );
  return {
    cert: await read('ca.pem'),
    key: await read('ca.key'),
    sign: async (names, days = 2) => {
      await openssl(`req ${KEY} -keyout key -out csr -subj /CN=signed`);
      await writeFile(join(folder, 'names'), `subjectAltName=${names}`);
      await openssl(
        `x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days ${days} -extfile names -out cert`,
      );
      return { cert: await read('cert'), key: await read('key') };
    },
    signItself: async (names) => {
      await openssl(`req -x509 ${KEY} -days 2 -keyout key -out cert -subj /CN=itself -addext subjectAltName=${names}`);
      return { cert: await read('cert'), key: await read('key') };
    },
    end: () => rm(folder, { recursive: true }),
  };
}

/** As it is configured. */
export function pinOf({ cert }: Signed): string {
  const spki = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${hash('sha256', spki, 'base64')}`;
}
