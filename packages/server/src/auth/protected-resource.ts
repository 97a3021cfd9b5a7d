/**
 * The MCP paths as OAuth protected resources: under which URL a client knows them (RFC 8707), which audiences of tokens are
 * good for them, and their metadata (RFC 9728). Pure: whoever serves HTTP sends the documents.
 *
 * Which servers and views exist is not looked at: every well-formed path has a document, or a stranger could find out names.
 */

import { publicScopes, type Asked } from './challenge.ts';

export interface ProtectedResourcesOptions {
  /**
   * The URLs under which clients reach the root of this gateway, the one that is named by default first. Asked each time,
   * because a port may be known late.
   */
  readonly bases: () => readonly string[];
  /** The MCP path; below it are `/s/<server>` and `/v/<view>`. */
  readonly path: string;
  /** Those of the legacy transport: the one that clients are given, and those that belong to it. */
  readonly otherPaths: readonly string[];
  /** Issuers; a function where one is this gateway itself, whose URL may be known late. */
  readonly authorizationServers: readonly string[] | (() => readonly string[]);
  /** OAuth scopes that every token needs. */
  readonly scopes: readonly string[];
  /** For people. */
  readonly name: string;
}

/** RFC 9728 §2. */
export interface ProtectedResourceMetadata {
  readonly resource: string;
  readonly authorization_servers: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly bearer_methods_supported: readonly ['header'];
  readonly resource_name: string;
}

export interface ProtectedResources {
  /**
   * The audiences of which a token needs one at this path: its URL, that of the path it belongs to, and that of the MCP
   * path, which is good for all that is below and beside it.
   */
  readonly audiences: (path: string) => readonly string[];
  /** The URL of the metadata of what stands at a path, under the host that was asked. */
  readonly metadataUrl: (asked: Asked) => string;
  /** The metadata document at a path; undefined: there is none. */
  readonly metadata: (asked: Asked) => ProtectedResourceMetadata | undefined;
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

export function createProtectedResources(options: ProtectedResourcesOptions): ProtectedResources {
  const { authorizationServers, name, otherPaths, path: root } = options;
  const scopes = publicScopes(options.scopes);
  const isResource = (path: string): boolean =>
    path === root ||
    otherPaths.includes(path) ||
    (path.startsWith(`${root}/`) && BELOW.test(path.slice(root.length + 1)));

  /** The path that a client knows: it is given `/sse`, and that tells it where to post to. */
  const givenPath = (path: string): string => (otherPaths.includes(path) ? (otherPaths[0] as string) : path);
  const bases = (): readonly Base[] => options.bases().map(baseOf);
  const baseFor = (host: string | undefined): Base => {
    const all = bases();
    const asked = host?.toLowerCase();
    return all.find((base) => base.host === asked) ?? (all[0] as Base);
  };

  return {
    audiences: (path) => {
      const paths = isResource(path) ? new Set([root, givenPath(path), path]) : [root];
      return bases().flatMap((base) => [...paths].map((each) => base.url + each));
    },
    metadataUrl: ({ host, path }) => {
      const base = baseFor(host);
      return `${base.origin}${WELL_KNOWN}${base.prefix}${isResource(path) ? givenPath(path) : root}`;
    },
    metadata: ({ host, path }) => {
      if (path !== WELL_KNOWN && !path.startsWith(`${WELL_KNOWN}/`)) return undefined;
      const base = baseFor(host);
      const rest = withoutPrefix(path.slice(WELL_KNOWN.length), base.prefix);
      // Without a path it is that of the MCP path, which is what a client asks for that did not find the other.
      const resource = rest === '' ? root : rest;
      if (!isResource(resource)) return undefined;
      return {
        resource: base.url + resource,
        authorization_servers:
          typeof authorizationServers === 'function' ? authorizationServers() : authorizationServers,
        ...(scopes.length > 0 && { scopes_supported: scopes }),
        bearer_methods_supported: ['header'],
        resource_name: name,
      };
    },
  };
}

const BELOW = /^[sv]\/[A-Za-z0-9_-]{1,32}$/;

interface Base {
  readonly host: string;
  readonly origin: string;
  /** A path without its last slash: that of a proxy in front. */
  readonly prefix: string;
  readonly url: string;
}

/** The canonical form: host in lower case, no default port, no slash at the end. */
function baseOf(text: string): Base {
  const { host, origin, pathname } = new URL(text);
  const prefix = pathname.replace(/\/+$/, '');
  return { host, origin, prefix, url: origin + prefix };
}

/** A proxy may cut its own prefix off or leave it. */
function withoutPrefix(path: string, prefix: string): string {
  return prefix !== '' && (path === prefix || path.startsWith(`${prefix}/`)) ? path.slice(prefix.length) : path;
}
