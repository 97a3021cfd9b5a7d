/**
 * The project of a call: the folder that its client works on. The door knows it (`serve --stdio` was started there, or a
 * client on this machine said so in a header), or the client is asked for its roots: a session once, a stateless client in a
 * round of its own (2026-07-28, "Multi round-trip requests"), since nothing may be remembered between its requests.
 * Folders of other machines mean nothing here: only callers of this machine have a project.
 */

import { realpath, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answer, Exchange, Session } from '@sallyport/server';
import { isObject, type JsonObject } from '@sallyport/wire';
import { askInRound, boundTo, canAskInRound, replyInRound, type Sealing } from '../round.ts';

export type Found =
  /** `exchange`: the request without what was said to the gateway alone. */
  | { readonly kind: 'project'; readonly root: string; readonly exchange: Exchange }
  /** The client has to be asked first. */
  | { readonly kind: 'ask'; readonly answer: Answer }
  /** `why` is for everybody. */
  | { readonly kind: 'none'; readonly why: string };

export interface ProjectOptions extends Sealing {
  /** True for a folder in which programs are started that work on nothing in particular: the root, a home. */
  readonly isNoProject: (folder: string) => boolean;
  /** Asks a session's client for its roots; undefined when it does not say. */
  readonly askRoots: (exchange: Exchange) => Promise<JsonObject | undefined>;
}

/** The key of our question among the input requests of a server. */
const ROOTS = 'sallyport-project';

const NO_PROJECT =
  'This server works on one project at a time, and this client names none. Give the client roots, or start `sallyport serve --stdio` in the folder of the project.';
const NOT_LOCAL =
  'This server works on folders of the machine of the gateway: only clients on that machine can use it.';

export class Projects {
  readonly #options: ProjectOptions;
  readonly #ofSession: WeakMap<Session, Promise<Found | undefined>> = new WeakMap();

  constructor(options: ProjectOptions) {
    this.#options = options;
  }

  /** Rejects with `Refused` for a request state that is none of ours. */
  async find(exchange: Exchange): Promise<Found> {
    const { local } = exchange;
    if (local === undefined) return { kind: 'none', why: NOT_LOCAL };
    const canSay = exchange.client.capabilities['roots'] !== undefined;
    if (canSay && exchange.era === 'session') {
      // What it says itself is better than where it happened to be started.
      const said = await this.#askSession(exchange);
      if (said.kind === 'project' || local.folder === undefined) return said;
    }
    if (local.folder !== undefined && !this.#options.isNoProject(local.folder))
      return await found(local.folder, exchange);
    return canSay && canAskInRound(exchange) ? await this.#askStateless(exchange) : { kind: 'none', why: NO_PROJECT };
  }

  /** The client says that its roots are other ones now. */
  rootsChanged(session: Session): void {
    this.#ofSession.delete(session);
  }

  async #askSession(exchange: Exchange): Promise<Found> {
    const { session } = exchange;
    if (session === undefined) return { kind: 'none', why: NO_PROJECT };
    const known = this.#ofSession.get(session) ?? this.#remember(session, exchange);
    const answer = await known;
    return answer?.kind === 'project' ? { ...answer, exchange } : (answer ?? { kind: 'none', why: NO_PROJECT });
  }

  #remember(session: Session, exchange: Exchange): Promise<Found | undefined> {
    const asked = this.#options.askRoots(exchange).then(async (roots) => {
      const answer = await fromRoots(roots, exchange);
      // A client that could not say it now may say it at the next call.
      if (answer.kind !== 'project') this.#ofSession.delete(session);
      return answer;
    });
    this.#ofSession.set(session, asked);
    return asked;
  }

  /** The roots are among the input that came back, or they are asked for. */
  async #askStateless(exchange: Exchange): Promise<Found> {
    // It grants nothing: what is in the state came from the caller.
    const bound = boundTo('project', exchange);
    const reply = replyInRound(exchange, ROOTS, bound, this.#options.unseal);
    if (reply !== undefined) return await fromRoots(reply.response, reply.exchange);
    const question = { key: ROOTS, method: 'roots/list' };
    return { kind: 'ask', answer: askInRound(exchange, question, null, bound, this.#options.seal) };
  }
}

/** The first root that is a folder of this machine. */
async function fromRoots(result: unknown, exchange: Exchange): Promise<Found> {
  const roots = isObject(result) && Array.isArray(result['roots']) ? result['roots'] : [];
  const first: unknown = roots[0];
  const uri = isObject(first) ? first['uri'] : undefined;
  if (typeof uri !== 'string') return { kind: 'none', why: NO_PROJECT };
  try {
    return await found(fileURLToPath(uri), exchange);
  } catch {
    return { kind: 'none', why: 'The first root of this client is no file URI of this machine.' };
  }
}

/** The folder under its one real name: two names of a project would be two children. */
async function found(path: string, exchange: Exchange): Promise<Found> {
  if (!isAbsolute(path)) return { kind: 'none', why: 'The project of this client is not an absolute path.' };
  try {
    const root = await realpath(path);
    if ((await stat(root)).isDirectory()) return { kind: 'project', root, exchange };
  } catch {
    // Said below.
  }
  return { kind: 'none', why: 'The project of this client is no folder of this machine.' };
}
