/**
 * What keys of different parts ask of each other: `auth` of `listen`, and rules of what they name. It looks at an entry that
 * the schema had nothing against. What a plain listener beyond loopback means is asked by `serve` too, whose `--host` counts.
 */
import { didYouMean } from './problems.ts';
import type { ConfigEntry } from './schema.ts';
import { isExchange } from './schema-oauth.ts';
import type { Finding } from './schema-parts.ts';
import { isLoopbackHost } from './schema-values.ts';
import type { AuthConfig } from './types-auth.ts';
import { OWN_SERVER } from './types-tools.ts';
import type { AdminConfig, ListenConfig } from './types.ts';

/** Everything that only shows across parts. */
export function checkAcross(entry: ConfigEntry): Finding[] {
  return [
    ...clientCertificates(entry),
    ...plainTokens(entry),
    ...signOn(entry),
    ...exchanges(entry),
    ...namesOfRules(entry),
    ...namesOfInterceptors(entry),
    ...ownServer(entry),
  ];
}

/** Programs that are tools have a server of their own. */
function ownServer({ mcpServers, tools }: ConfigEntry): Finding[] {
  if (Object.keys(tools).length === 0) return [];
  return Object.keys(mcpServers)
    .filter((name) => name.toLowerCase() === OWN_SERVER)
    .map((name) => ({
      path: ['mcpServers', name],
      message: `\`${OWN_SERVER}\` is the server of what stands in \`tools\`: give this one another name`,
    }));
}

/** What may be meant, and is better not written where others than this machine come in. */
export function doubts({ listen }: Pick<Door, 'listen'>): Finding[] {
  const { host, origins, publicUrl } = listen;
  if (isLoopbackHost(host) && (publicUrl === undefined || isLoopbackHost(new URL(publicUrl).hostname))) return [];
  return origins.flatMap((origin, index) =>
    origin.includes('*')
      ? [
          {
            path: ['listen', 'origins', index],
            message: `${origin} lets pages call from wherever it fits: beyond loopback, name each origin`,
          },
        ]
      : [],
  );
}

type Door = { readonly listen: ListenConfig; readonly auth: AuthConfig; readonly admin?: AdminConfig };

/**
 * Why `serve` must not listen like this, and what to write instead; undefined when nothing is wrong. Only loopback goes
 * without authentication or TLS.
 */
export function openListener({ listen, auth, admin }: Door): string | undefined {
  return openMain({ listen, auth }) ?? openAdmin({ listen, auth, ...(admin !== undefined && { admin }) });
}

/** A door of its own is for the same keys, so it is as open or shut as the main one may be. */
function openAdmin({ listen, auth, admin }: Door): string | undefined {
  const { host = '127.0.0.1', tls } = admin?.listen ?? {};
  if (isLoopbackHost(host)) return undefined;
  if (auth.modes.includes('none')) {
    return `admin.listen.host ${host} with auth none would let anybody in: only loopback goes without keys`;
  }
  if (tls !== undefined || listen.plainBehindProxy) return undefined;
  return (
    `admin.listen.host ${host} is reachable from elsewhere and the listener is plain HTTP.\n` +
    'Listen on 127.0.0.1, set admin.listen.tls, or put a TLS proxy in front and set listen.plainBehindProxy: true'
  );
}

function openMain({ listen, auth }: Door): string | undefined {
  if (isLoopbackHost(listen.host)) return undefined;
  if (auth.modes.includes('none')) {
    return `listen.host ${listen.host} with auth none would let anybody in: only loopback goes without keys`;
  }
  const [plain] = plainTokens({ listen, auth });
  if (plain !== undefined) return `${plain.path.join('.')}: ${plain.message}`;
  if (listen.tls !== undefined || listen.plainBehindProxy) return undefined;
  return (
    `listen.host ${listen.host} is reachable from elsewhere and the listener is plain HTTP.\n` +
    'Listen on 127.0.0.1, set listen.tls, or put a TLS proxy in front and set listen.plainBehindProxy: true'
  );
}

function clientCertificates({ listen, auth }: Door): Finding[] {
  return auth.modes.includes('mtls') && listen.tls?.clientCa === undefined
    ? [
        {
          path: ['auth', 'mode'],
          message: '`mtls` needs `listen.tls.clientCa`, the authorities whose client certificates are accepted',
        },
      ]
    : [];
}

/** Tokens name the address they are for, and must not travel in the clear (RFC 6750 §5.2, RFC 8707). */
function plainTokens({ listen, auth }: Door): Finding[] {
  const needing = auth.server === undefined ? auth.modes.find(takesTokens) : 'auth.server';
  if (needing === undefined) return [];
  const { host, tls, publicUrl } = listen;
  const url = publicUrl === undefined ? undefined : new URL(publicUrl);
  if (isLoopbackHost(host) && (url === undefined || isLoopbackHost(url.hostname))) return [];
  if (url === undefined ? tls !== undefined : url.protocol === 'https:') return [];
  return [
    {
      path: ['listen', ...(url === undefined ? [] : ['publicUrl'])],
      message: `\`${needing}\` beyond loopback needs ${url === undefined ? '`listen.tls`, or `listen.publicUrl` with ' : ''}the https address that clients use`,
    },
  ];
}

/** What would let people sign in who are not meant, or nobody. */
function signOn(entry: ConfigEntry): Finding[] {
  const { auth, policy } = entry;
  const isOpen = auth.oidc?.issuer === GOOGLE && policy === undefined;
  const isUsed = auth.server !== undefined || auth.modes.includes('oidc');
  const condition = "`when: principal.claims.hd == 'example.com'`";
  return [
    ...(isOpen && isUsed
      ? [
          at(
            ['auth', 'oidc'],
            `anybody with a Google account may sign in: write a \`policy\`, for instance with ${condition}`,
          ),
        ]
      : []),
    ...(auth.server === undefined ? [] : signInPages(entry)),
  ];
}

function signInPages({ listen }: ConfigEntry): Finding[] {
  const { host, publicUrl, tls, trustProxy } = listen;
  if (!isLoopbackHost(host) && publicUrl === undefined) {
    return [at(['auth', 'server'], 'beyond loopback needs `listen.publicUrl`, the address that its clients are told')];
  }
  const isBehind = publicUrl?.startsWith('https:') === true && tls === undefined;
  if (!isBehind || trustProxy.length > 0) return [];
  const why = 'signing in needs HTTPS, and it is a proxy that speaks it here';
  return [at(['listen', 'trustProxy'], `${why}: name the addresses from which it connects`)];
}

const GOOGLE = 'https://accounts.google.com';

function at(path: Finding['path'], message: string): Finding {
  return { path, message };
}

/** What servers need at which the tokens of callers are exchanged. */
function exchanges({ auth, mcpServers }: ConfigEntry): Finding[] {
  return Object.entries(mcpServers).flatMap(([name, { oauth }]): Finding[] => {
    if (oauth === undefined || !isExchange(oauth.grant)) return [];
    const finding = (message: string, ...key: string[]): Finding => at(['mcpServers', name, 'oauth', ...key], message);
    const isDefault = oauth.exchange?.tokenEndpoint === undefined;
    const isPlain = isDefault && auth.oidc?.issuer.startsWith('http:') === true;
    return [
      ...(isDefault && auth.oidc === undefined
        ? [finding('expected `exchange.tokenEndpoint`, or `auth.oidc`, whose issuer names it')]
        : []),
      ...(isPlain && !oauth.allowLoopbackHttp
        ? [finding('the issuer of `auth.oidc` is without TLS: this needs `allowLoopbackHttp: true`')]
        : []),
      ...(auth.modes.some(takesTokens) || auth.server !== undefined
        ? []
        : [
            finding(
              'nobody shows a token that could be exchanged: `auth.mode` needs oidc, jwt or introspection, or `auth.server` people who sign in',
              'grant',
            ),
          ]),
    ];
  });
}

function takesTokens(mode: AuthConfig['modes'][number]): boolean {
  return mode === 'jwt' || mode === 'oidc' || mode === 'introspection';
}

/** A rule about a server or view that is not there would silently do nothing. */
function namesOfRules({ policy, mcpServers, tools, views }: ConfigEntry): Finding[] {
  const own = Object.keys(tools).length === 0 ? [] : [OWN_SERVER];
  const known = { servers: [...Object.keys(mcpServers), ...own], views: Object.keys(views) };
  return (policy?.rules ?? []).flatMap((rule, index) =>
    (['servers', 'views'] as const).flatMap((kind) =>
      (rule[kind] ?? []).flatMap((name, place): Finding[] =>
        !/^[\w-]+$/.test(name) || known[kind].includes(name)
          ? []
          : [
              {
                path: ['policy', 'rules', index, kind, place],
                message: `there is no such ${kind.slice(0, -1)}${didYouMean(name, known[kind])}`,
              },
            ],
      ),
    ),
  );
}

/** Nobody would be asked about the tools of a server that is not there. */
function namesOfInterceptors({ interceptors, mcpServers, tools }: ConfigEntry): Finding[] {
  const known = [...Object.keys(mcpServers), ...(Object.keys(tools).length === 0 ? [] : [OWN_SERVER])];
  return interceptors.flatMap(({ servers = [] }, index) =>
    servers.flatMap((name, place): Finding[] =>
      !/^[\w-]+$/.test(name) || known.includes(name)
        ? []
        : [at(['interceptors', index, 'servers', place], `there is no such server${didYouMean(name, known)}`)],
    ),
  );
}
