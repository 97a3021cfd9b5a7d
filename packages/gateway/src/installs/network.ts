/** What a program that installs packages has to know of this machine's way to the network. */
import { access } from 'node:fs/promises';
import { isAbsolute } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]);
/** Files of certificate authorities, and folders of them. */
const AUTHORITIES = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'REQUESTS_CA_BUNDLE'];

/** Proxies and certificate authorities of this process's environment. */
export function networkEnvironment(env: Environment): Record<string, string> {
  return Object.fromEntries(
    [...PROXIES, ...AUTHORITIES].flatMap((name) => {
      const value = env[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
}

/** Where those authorities lie, as far as they are there. */
export async function readableFiles(env: Environment): Promise<readonly string[]> {
  const paths = AUTHORITIES.map((name) => env[name] ?? '').filter(isAbsolute);
  const there = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_path, index) => there[index]);
}
