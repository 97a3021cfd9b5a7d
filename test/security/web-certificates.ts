/** Authorities, certificates and revocation lists of any kind, made by the `openssl` command in a folder of its own. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its private key, in PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Wanted {
  readonly commonName?: string;
  /** As openssl writes it: `DNS:a.test,URI:spiffe://a/b`. */
  readonly subjectAltName?: string;
  /** `clientAuth` unless it is told otherwise; null for a certificate without one. */
  readonly usage?: string | null;
  readonly expired?: boolean;
  /** A client's certificate with one name alone, `x, URI:spiffe://test/alice`, which looks like two. */
  readonly odd?: boolean;
}

export interface Authority extends Pair {
  issue(wanted: Wanted): Pair;
  /** The list of all that were revoked, with these. */
  revocations(...revoked: readonly Pair[]): string;
}

export interface Certificates {
  authority(name: string): Authority;
  remove(): void;
}

export function openCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-certificates-'));
  return {
    authority: (name) => createAuthority(join(folder, name), name),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const CONFIG = `
[ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = .
certificate = ca.crt
private_key = ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = any_name
[any_name]
[odd]
subjectAltName = @odd_name
extendedKeyUsage = clientAuth
[odd_name]
URI.1 = x, URI:spiffe://test/alice
`;

function createAuthority(folder: string, name: string): Authority {
  const openssl = (...args: readonly string[]): void =>
    void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  mkdirSync(folder);
  for (const [file, content] of [
    ['config', CONFIG],
    ['index', ''],
    ['serial', '1000'],
  ] as const) {
    writeFileSync(join(folder, file), content);
  }
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-config', 'config'];
  const isAuthority = ['-addext', 'basicConstraints=critical,CA:TRUE'];
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', `/CN=${name}`, ...isAuthority);
  let made = 0;
  return {
    cert: read('ca.crt'),
    key: read('ca.key'),
    issue: ({ commonName = 'somebody', subjectAltName, usage = 'clientAuth', expired = false, odd = false }) => {
      const file = String(++made);
      const added = [
        ...(subjectAltName === undefined ? [] : ['-addext', `subjectAltName=${subjectAltName}`]),
        ...(usage === null ? [] : ['-addext', `extendedKeyUsage=${usage}`]),
      ];
      const names = ['-keyout', `${file}.key`, '-out', `${file}.csr`, '-subj', `/CN=${commonName}`];
      openssl('req', ...newKey, ...names, ...(odd ? ['-reqexts', 'odd'] : added));
      const dates = expired ? ['-startdate', '20200101000000Z', '-enddate', '20210101000000Z'] : [];
      openssl('ca', '-batch', '-notext', '-config', 'config', '-in', `${file}.csr`, '-out', `${file}.crt`, ...dates);
      return { cert: read(`${file}.crt`), key: read(`${file}.key`) };
    },
    revocations: (...revoked) => {
      for (const { cert } of revoked) {
        writeFileSync(join(folder, 'revoked.crt'), cert);
        openssl('ca', '-config', 'config', '-revoke', 'revoked.crt');
      }
      openssl('ca', '-config', 'config', '-gencrl', '-out', 'crl.pem');
      return read('crl.pem');
    },
  };
}
