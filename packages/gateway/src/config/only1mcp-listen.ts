/**
 * Where an Only1MCP file listens: `server` (its own form) and `proxy` (its templates), the places of TLS besides, origins of
 * web pages, and the headers that it promises. Whether a client must show a certificate is decided with `auth`.
 */
import { at, fill, isObject, put, type Block } from './only1mcp-reader.ts';
import { isLoopbackHost } from './schema-values.ts';
import type { Path } from './source.ts';

/** What the file wants of client certificates; `from` and `ca` say where. */
export type Certificates = {
  wanted: 'none' | 'optional' | 'required';
  from: Path;
  ca?: { readonly value: unknown; readonly from: Path };
};

export type Door = { readonly isLoopback: boolean; readonly certificates: Certificates };

export function convertListen(root: Block): Door {
  const { ledger } = root;
  for (const key of ['server', 'proxy']) {
    const home = root.block(key);
    home.move('host', ['listen', 'host']);
    home.move('port', ['listen', 'port']);
    home.ignore('threads and connections are those of Node', 'worker_threads backlog keepalive idle_timeout http2');
  }
  fill(ledger, ['listen', 'host'], '127.0.0.1', 'Only1MCP listens here unless its command line says otherwise.');
  fill(ledger, ['listen', 'port'], 8080, 'The port of Only1MCP, so that clients find what they know.');
  const certificates = convertTls(root);
  convertOrigins(root);
  convertHeaders(root);
  const host = at(ledger.value, ['listen', 'host']);
  const isLoopback = typeof host === 'string' && isLoopbackHost(host);
  if (!isLoopback && at(ledger.value, ['listen', 'tls']) === undefined) {
    const message =
      'A plain listener beyond loopback does not start: set `listen.tls`, or `listen.plainBehindProxy` if TLS ends in a proxy';
    ledger.notes.push({ path: ledger.origins.get('["listen","host"]')?.from ?? [], message });
    ledger.comments.push({ path: ['listen', 'host'], message });
  }
  return { isLoopback, certificates };
}

const ourKeys = [
  ['cert_path', 'cert'],
  ['cert_file', 'cert'],
  ['key_path', 'key'],
  ['key_file', 'key'],
] as const;

function convertTls(root: Block): Certificates {
  const certificates: Certificates = { wanted: 'none', from: [] };
  const blocks = ['server', 'proxy', 'security'].flatMap((key) => root.block(key).block('tls') ?? []);
  const used = blocks.filter((block) => block.isOn());
  for (const block of used) {
    for (const [key, ours] of ourKeys) block.move(key, ['listen', 'tls', ours]);
    block.move('min_version', ['listen', 'tls', 'minVersion'], versionOf);
    block.move('cipher_suites', ['listen', 'tls', 'cipherSuites']);
    readClientAuth(block, certificates);
  }
  const [first] = used;
  if (first !== undefined && at(root.ledger.value, ['listen', 'tls', 'cert']) === undefined) {
    const message =
      'names no certificate: `server.tls.cert_path` and `server.tls.key_path`, our `listen.tls.cert` and `key`';
    root.ledger.problems.push({ path: first.path, message });
  }
  return certificates;
}

/** `1.3`, `"1.3"`, `TLS1.3`, `TLSv1.3`. */
function versionOf(value: unknown): unknown {
  const version = /^(?:TLSv?)?(1\.\d)$/i.exec(String(value))?.[1];
  return version === undefined ? value : `TLSv${version}`;
}

const order = ['none', 'optional', 'required'] as const;

/** `client_auth: required` with `ca_file` beside it, or an object. Of several places the strictest counts. */
function readClientAuth(block: Block, certificates: Certificates): void {
  const isPart = isObject(block.take('client_auth'));
  const inside = isPart ? block.block('client_auth') : block;
  const asked = isPart ? askedIn(inside) : (block.take('client_auth') ?? 'none');
  const wanted = order.find((each) => each === asked);
  if (wanted === undefined) {
    block.ledger.problems.push({ path: block.at('client_auth'), message: 'expected `none`, `optional` or `required`' });
  } else if (order.indexOf(wanted) > order.indexOf(certificates.wanted)) {
    certificates.wanted = wanted;
    certificates.from = block.at('client_auth');
  }
  if (wanted === 'none') return block.ignore('no client is asked for a certificate', 'ca_file');
  const home = inside.take('ca_file') === undefined ? block : inside;
  const value = home.take('ca_file');
  if (value !== undefined) certificates.ca = { value, from: home.at('ca_file') };
  if (home !== block) block.ignore('our own chain stands in `listen.tls.cert`', 'ca_file');
}

function askedIn(inside: Block): string {
  if (!inside.isOn()) return 'none';
  return inside.flag('required') === true ? 'required' : 'optional';
}

/** Its `*` lets every web page in; nothing here does. */
function convertOrigins(root: Block): void {
  const blocks = [root.block('security').block('cors'), root.block('development').block('cors')];
  for (const block of blocks) {
    if (!block.isOn()) continue;
    for (const key of ['allowed_origins', 'allow_origins']) {
      const origins = block.texts(key);
      if (origins === undefined) continue;
      const named = origins.filter((origin) => origin !== '*');
      if (named.length > 0) put(block.ledger, ['listen', 'origins'], named, block.at(key));
      if (named.length < origins.length) {
        const message = 'ignored: `*` is every web page; name those that may call in `listen.origins`';
        block.ledger.notes.push({ path: block.at(key), message });
      } else if (named.length === 0) block.ignore('none is let in anyway', key);
    }
    block.ignore(
      'what MCP needs is allowed to these origins',
      'allowed_methods allowed_headers allow_methods allow_headers',
    );
  }
}

const sentHeaders: Readonly<Record<string, string>> = {
  strict_transport_security: 'max-age=63072000; includeSubDomains; preload',
  x_frame_options: 'DENY',
  x_content_type_options: 'nosniff',
  x_xss_protection: '1; mode=block',
  content_security_policy: "default-src 'self'",
};

/** Every answer of ours has them, with these values. */
function convertHeaders(root: Block): void {
  const block = root.block('security').block('headers');
  for (const [key, value] of Object.entries(sentHeaders)) {
    const written = block.take(key);
    if (written === undefined) continue;
    if (written === value) block.ignore('it is sent with this value always (HSTS over TLS)', key);
    else block.refuse(`is always \`${value}\` here, and cannot be set`, key);
  }
}
