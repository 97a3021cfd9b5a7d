/**
 * `auth` of an Only1MCP file, and `security.auth` of its security policy: who may come in, and how. Where our keys would let
 * somebody in who stood before the door until now, that is a problem, never a guess.
 */
import type { Door } from './only1mcp-listen.ts';
import { fill, put, type Block } from './only1mcp-reader.ts';
import { listOf } from './scalars.ts';
import { presetNames } from './schema-presets.ts';
import type { Path } from './source.ts';

/** A way in: one of `auth.mode`, and where the file says so. */
type Way = { readonly mode: string; readonly from: Path };

const modeOf: Readonly<Record<string, string>> = {
  jwt: 'jwt',
  api_key: 'key',
  api_keys: 'key',
  oauth: 'oidc',
  oauth2: 'oidc',
  oidc: 'oidc',
  mtls: 'mtls',
};

const needsKey = 'whoever comes in needs a key here: `sallyport key create NAME` makes one';

export function convertAuth(root: Block, door: Door): void {
  const blocks = [root.block('auth'), root.block('security').block('auth')].filter(({ isThere }) => isThere);
  const isOff = blocks.length > 0 && blocks.every((block) => block.flag('enabled') === false);
  const isOpen = isOff && door.isLoopback && door.certificates.wanted !== 'required';
  const on = blocks.filter((block) => block.isOn(isOpen ? 'is our `auth.mode: none`' : needsKey));
  const ways = withCertificates(
    on.flatMap((block) => waysOf(block)),
    door,
    root,
  );
  const modes = [...new Set(ways.map(({ mode }) => mode))];
  if (modes.length > 0) {
    put(root.ledger, ['auth', 'mode'], modes.length === 1 ? modes[0] : modes, ways[0]?.from ?? []);
  } else if (isOpen) {
    fill(root.ledger, ['auth', 'mode'], 'none', 'Whoever is on this machine may come in, and nobody else.');
  } else if (blocks.length === 0) root.ledger.notes.push({ path: [], message: needsKey });
}

/** The ways that a block names in a list; without a list those that it describes. */
function waysOf(block: Block): Way[] {
  const { ledger } = block;
  const isRequired = block.flag('required') === true || block.flag('enabled') === true;
  if (block.flag('required') === false) block.ignore('nobody comes in here without a proof', 'required');
  const methods = block.texts('methods');
  const described = [...jwtWays(block), ...keyWays(block), ...providerWays(block)];
  convertSession(block);
  if (methods === undefined) {
    return described.length === 0 && isRequired ? [{ mode: 'key', from: block.path }] : described;
  }
  const named = methods.flatMap((method, index): Way[] => {
    const from = [...block.at('methods'), index];
    const mode = Object.hasOwn(modeOf, method) ? modeOf[method] : undefined;
    if (mode !== undefined) return [{ mode, from }];
    ledger.problems.push({ path: from, message: `no way in here; expected ${listOf(Object.keys(modeOf))}` });
    return [];
  });
  const known = new Set(named.map(({ mode }) => mode));
  for (const { mode, from } of described.filter((way) => !known.has(way.mode))) {
    const message = `is not among \`${block.at('methods').join('.')}\`, and would let in whom it does not: name \`${mode}\` there, or take this away`;
    ledger.problems.push({ path: from, message });
  }
  return named;
}

/** A certificate that every client must show stands beside nothing else: of several ways in one is enough here. */
function withCertificates(ways: readonly Way[], { certificates }: Door, root: Block): readonly Way[] {
  const { wanted, from, ca } = certificates;
  const other = ways.find(({ mode }) => mode !== 'mtls');
  if (wanted === 'required' && other !== undefined) {
    const message = `asks for a certificate besides \`${other.mode}\`; of the ways in \`auth.mode\` one is enough, so a client could come in without one: keep one of the two`;
    root.ledger.problems.push({ path: from, message });
    return ways;
  }
  const all = wanted === 'required' && ways.length === 0 ? [{ mode: 'mtls', from }] : ways;
  if (all.some(({ mode }) => mode === 'mtls')) {
    if (ca !== undefined) put(root.ledger, ['listen', 'tls', 'clientCa'], ca.value, ca.from);
  } else if (wanted === 'optional') {
    const message = 'ignored: a certificate that may be missing proves nothing, unless `mtls` is among `auth.methods`';
    root.ledger.notes.push(...[from, ...(ca === undefined ? [] : [ca.from])].map((path) => ({ path, message })));
  }
  return all;
}

function jwtWays(block: Block): Way[] {
  const jwt = block.block('jwt');
  if (!jwt.isOn()) return [];
  const ours = (key: string): Path => ['auth', 'jwt', key];
  jwt.move('issuer', ours('issuer'));
  jwt.move('audience', ours('audience'));
  jwt.move('algorithm', ours('algorithms'), (one) => [one]);
  jwt.move('algorithms', ours('algorithms'));
  for (const key of ['public_key_file', 'public_key_path']) jwt.move(key, ours('publicKeys'), (file) => [file]);
  for (const key of ['jwks_url', 'jwks_uri']) jwt.move(key, ours('jwks'));
  jwt.refuse(
    'is a secret that signs as well: whoever checks a token could make one; name `public_key_file` or `jwks_url` instead',
    'secret',
  );
  jwt.refuse(
    'our `auth.jwt.publicKeys` are files: write the key to one, and name it as `public_key_file`',
    'public_key',
  );
  return [{ mode: 'jwt', from: jwt.path }];
}

function keyWays(block: Block): Way[] {
  return ['api_key', 'api_keys'].flatMap((name): Way[] => {
    const keys = block.block(name);
    if (!keys.isOn()) return [];
    keys.ignore('a key arrives as `Authorization: Bearer KEY` here', 'header');
    keys.ignore('an address stands in logs and histories: a key in it is not read here', 'query_param');
    keys.ignore('of keys that `sallyport key` makes a keyed hash is stored', 'encryption');
    keys.refuse(
      'no key of ours says it for all: `sallyport key create --expires`, or `expires` of each key',
      'rotation_policy',
    );
    const taken = new Set<string>();
    for (const [index, key] of keys.blocks('keys').entries()) convertKey(key, index, taken);
    keys.ledger.comments.push({ path: ['auth', 'keys'], message: 'Shown as `Authorization: Bearer KEY`.' });
    return [{ mode: 'key', from: keys.path }];
  });
}

function convertKey(key: Block, index: number, taken: Set<string>): void {
  const ours = (name: string): Path => ['auth', 'keys', index, name];
  const name = key.text('name');
  if (name !== undefined) {
    const short = name
      .replaceAll(/[^A-Za-z0-9._@+-]+/g, '-')
      .replaceAll(/^[^A-Za-z0-9]+|-+$/g, '')
      .slice(0, 64);
    const fitting = taken.has(short) ? `${short.slice(0, 60)}-${index + 1}` : short;
    taken.add(fitting);
    put(key.ledger, ours('name'), fitting, key.at('name'));
    if (fitting !== name) {
      const message = `is called \`${fitting}\` here: the subject of whoever shows it`;
      key.ledger.notes.push({ path: key.at('name'), message });
    }
  }
  key.move('key', ours('key'));
  for (const hash of ['hash', 'key_hash']) key.move(hash, ours('hash'));
  key.move('roles', ours('roles'));
  for (const end of ['expires', 'expires_at']) key.move(end, ours('expires'));
}

/** Providers of the three forms that its documents know. One of them can be ours. */
function providerWays(block: Block): Way[] {
  const holders = [block.block('oauth'), block.block('oauth2')].filter((holder) => holder.isOn());
  const all = [block, ...holders].flatMap((holder) => holder.blocks('providers') ?? []);
  const open = all.filter((provider) => {
    const type = provider.text('type') ?? 'oidc';
    if (['oidc', 'oauth', 'oauth2'].includes(type)) return true;
    provider.dismiss(`it is of type ${type}`);
    const message = `there is no ${type} here; most providers speak OpenID Connect too: \`type: oidc\``;
    provider.ledger.problems.push({ path: provider.at('type'), message });
    return false;
  });
  const [first, ...rest] = open;
  for (const provider of rest) {
    provider.dismiss('there is one provider already');
    provider.ledger.problems.push({ path: provider.path, message: '`auth.oidc` is one provider: keep one' });
  }
  if (first === undefined) return [];
  convertProvider(first);
  return [{ mode: 'oidc', from: first.path }];
}

function convertProvider(provider: Block): void {
  const ours = (key: string): Path => ['auth', 'oidc', key];
  for (const key of ['name', 'id']) {
    const name = provider.text(key);
    if (presetNames.some((preset) => preset === name)) provider.move(key, ours('preset'));
    else provider.ignore('a provider is known by its issuer', key);
  }
  provider.move('issuer', ours('issuer'));
  provider.move('client_id', ours('clientId'));
  provider.move('client_secret', ours('clientSecret'));
  provider.move('scopes', ours('scopes'));
  provider.ignore('it is read from what the issuer publishes', 'auth_url token_url');
  provider.ignore(
    'register `/oauth/callback` under our own address (`listen.publicUrl`) at the provider',
    'redirect_uri',
  );
}

function convertSession(block: Block): void {
  const session = block.block('session');
  session.move('ttl', ['auth', 'browser', 'absolute']);
  session.ignore('sessions live in the store of the gateway', 'backend');
  session.ignore('a session that is used goes on until its end', 'refresh_enabled');
  session.ignore('cookies are sent over TLS alone, always', 'secure_cookies');
  const site = session.text('same_site')?.toLowerCase();
  if (site === 'strict') {
    session.refuse(
      'cookies are `lax` here, so that a provider can send people back; they open no MCP path',
      'same_site',
    );
  } else session.ignore('cookies are `lax`, always', 'same_site');
}
