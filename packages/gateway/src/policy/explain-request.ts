/**
 * `explain` as the gateway answers it to its own user: for a principal that need not exist, a call that is not made. It looks
 * at all that there is for that principal at the root or in a view, visible or not; it decides nothing and asks no server.
 */

import type { Principal } from '@sallyport/server';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { Audience } from '../call.ts';
import type { Explanation, Policy, PolicyTarget } from './facts.ts';

interface Offered {
  readonly id: string;
  readonly server: string;
  readonly annotations?: JsonObject | undefined;
}

/** What there is, by shown names and URIs. */
export interface WholeCatalog {
  readonly catalog: {
    readonly tools: ReadonlyMap<string, Offered>;
    readonly prompts: ReadonlyMap<string, Offered>;
    readonly resources: ReadonlyMap<string, Offered>;
    readonly templates: ReadonlyMap<string, Offered>;
  };
  ownerOf(uri: string): string | undefined;
  /** Resolves when it is known, as far as servers answer in time. */
  ready(): Promise<void>;
}

export interface ExplainOptions {
  readonly policy: () => Policy;
  /**
   * What there is for a principal at the root or in a view: all of it, or what an audience sees. Undefined when there is no such
   * view.
   */
  readonly whole: (view: string | undefined, principal: Principal, audience?: Audience) => WholeCatalog | undefined;
  /** Roles of a client key by its name; undefined when there is none. */
  readonly rolesOfKey: (name: string) => readonly string[] | undefined | Promise<readonly string[] | undefined>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export type AskedKind = 'tool' | 'prompt' | 'resource';

/** What the command line sends. */
export interface ExplainRequest {
  readonly kind: AskedKind;
  /** Shown name or canonical id of a tool or prompt, URI or template of a resource. */
  readonly name: string;
  /** Name of a client key, or a principal as its credential would state it. */
  readonly as: string | Principal;
  readonly arguments?: JsonObject;
  readonly view?: string;
  readonly address?: string;
}

export type ExplainAnswer =
  | { readonly explanation: Explanation }
  | { readonly unknown: 'key'; readonly names: readonly [] }
  /** `names`: those there are. */
  | { readonly unknown: 'target'; readonly names: readonly string[] }
  | { readonly problem: string };

export type Explain = (body: JsonObject) => Promise<ExplainAnswer>;

export function createExplain({ now, policy, rolesOfKey, whole }: ExplainOptions): Explain {
  return async (body) => {
    const request = readRequest(body);
    if (typeof request === 'string') return { problem: request };
    const { address, as, kind, name, view } = request;
    const principal = typeof as === 'string' ? await keyPrincipal(as, rolesOfKey) : as;
    if (principal === undefined) return { unknown: 'key', names: [] };
    const before = whole(view, principal);
    if (before === undefined) return { problem: 'view: the configuration has no view of this name' };
    await before.ready();
    // A server may have turned out to have something else for each principal.
    const all = whole(view, principal) ?? before;
    const inForce = policy();
    const ownerOf = (uri: string): string | undefined =>
      // What a call would find; what nobody shows the principal is explained for its first owner.
      whole(view, principal, inForce.audienceOf(principal, view))?.ownerOf(uri) ?? all.ownerOf(uri);
    const target = find(kind, name, all.catalog, ownerOf);
    if (target === undefined) return { unknown: 'target', names: namesOf(kind, all) };
    const facts = { principal, target, arguments: request.arguments, nowMs: now(), view, address };
    return { explanation: inForce.explain(facts) };
  };
}

async function keyPrincipal(name: string, rolesOfKey: ExplainOptions['rolesOfKey']): Promise<Principal | undefined> {
  const roles = await rolesOfKey(name);
  return roles && { issuer: 'local', subject: name, roles };
}

function find(
  kind: AskedKind,
  name: string,
  catalog: WholeCatalog['catalog'],
  ownerOf: WholeCatalog['ownerOf'],
): PolicyTarget | undefined {
  if (kind !== 'resource') {
    const offered = kind === 'tool' ? catalog.tools : catalog.prompts;
    const found = offered.get(name) ?? [...offered.values()].find(({ id }) => id === name);
    if (found === undefined) return undefined;
    const { annotations, id, server } = found;
    return { kind, server, canonicalId: id, ...(annotations && { annotations }) };
  }
  const template = catalog.templates.get(name);
  if (template !== undefined) return { kind: 'template', server: template.server, canonicalId: template.id };
  const server = ownerOf(name);
  return server === undefined ? undefined : { kind, server, canonicalId: name };
}

function namesOf(kind: AskedKind, { catalog }: WholeCatalog): readonly string[] {
  if (kind === 'resource') return [...catalog.resources.keys(), ...catalog.templates.keys()];
  return [...(kind === 'tool' ? catalog.tools : catalog.prompts).keys()];
}

/** The request, or what is wrong with it. */
function readRequest(body: JsonObject): ExplainRequest | string {
  const { kind, name, address } = body;
  if (kind !== 'tool' && kind !== 'prompt' && kind !== 'resource') return 'kind: expected tool, prompt or resource';
  if (typeof name !== 'string' || name === '') return 'name: expected text';
  const as = typeof body['as'] === 'string' ? body['as'] : readPrincipal(body['as']);
  if (as === undefined) return 'as: expected the name of a key, or a principal';
  const more = readMore(body);
  return typeof more === 'string' ? more : { kind, name, as, ...more, ...(typeof address === 'string' && { address }) };
}

/** What would change the answer unseen if it were left out. */
function readMore({ view, arguments: given }: JsonObject): Pick<ExplainRequest, 'arguments' | 'view'> | string {
  if (view !== undefined && typeof view !== 'string') return 'view: expected text';
  if (given !== undefined && !isObject(given)) return 'arguments: expected an object';
  return { ...(given !== undefined && { arguments: given }), ...(view !== undefined && { view }) };
}

function readPrincipal(value: JsonValue | undefined): Principal | undefined {
  if (!isObject(value)) return undefined;
  const { claims, issuer, scopes, subject } = value;
  if (typeof issuer !== 'string' || typeof subject !== 'string') return undefined;
  return {
    issuer,
    subject,
    roles: texts(value['roles']),
    groups: texts(value['groups']),
    ...(scopes !== undefined && { scopes: texts(scopes) }),
    ...(isObject(claims) && { claims }),
  };
}

function texts(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
