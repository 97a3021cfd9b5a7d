/** Who calls, as the admin API tells and changes it: sessions, principals, keys. */

import { hash } from 'node:crypto';
import { KeyError, type KeyErrorCode, type KeyTable, type Session } from '@sallyport/server';
import { AdminError, type AdminSource } from '../admin/index.ts';
import { listDisabled, setDisabled } from './disabled.ts';
import { LOCAL, LOCAL_ISSUER } from './local.ts';
import type { Rooms } from '../rooms.ts';
import type { Store } from '../store/index.ts';
import { recordsOf } from '../store/records.ts';

export interface CallerActsOptions {
  readonly rooms: Pick<Rooms, 'config' | 'sessions'>;
  readonly store: Store;
  /** Undefined: nobody needs a key. */
  readonly keys: KeyTable | undefined;
  /** Ends a session over HTTP. */
  readonly end: (session: Session) => void;
  readonly now: () => number;
}

type CallerActs = Pick<
  AdminSource,
  | 'createKey'
  | 'endSession'
  | 'key'
  | 'keys'
  | 'principal'
  | 'principals'
  | 'revokeKey'
  | 'rotateKey'
  | 'session'
  | 'sessions'
  | 'setDisabled'
>;

export function callerActs(options: CallerActsOptions): CallerActs {
  return { ...sessionActs(options), ...principalActs(options), ...keyActs(options) };
}

function sessionActs({ end, rooms }: CallerActsOptions): Pick<CallerActs, 'endSession' | 'session' | 'sessions'> {
  const find = (id: string): Session | undefined => [...rooms.sessions].find((each) => shortId(each) === id);
  return {
    sessions: () => ({ sessions: [...rooms.sessions].map(sessionView) }),
    session: (id) => {
      const session = find(id);
      return session && sessionView(session);
    },
    endSession: (id) => {
      const session = find(id);
      if (session === undefined) throw new AdminError(404, 'not_found', 'There is no such session.');
      if (session.transport !== 'http')
        throw new AdminError(
          409,
          'connection',
          'This is a connection, not a session over HTTP: disable its principal, or revoke its key.',
        );
      end(session);
      return { ended: id };
    },
  };
}

type PrincipalView = Awaited<ReturnType<AdminSource['principal']>>;
type PrincipalActs = Pick<CallerActs, 'principal' | 'principals' | 'setDisabled'>;

function principalActs({ keys, now, rooms, store }: CallerActsOptions): PrincipalActs {
  const disabled = recordsOf(store, 'disabled');
  const told = async (wanted?: string): Promise<readonly PrincipalView[]> => {
    const shutOut = new Set((await listDisabled(disabled)).map(principalText));
    const stored = ((await keys?.list()) ?? []).map(({ name }) => name);
    const written = rooms.config.auth.keys.map(({ name }) => name);
    const holders = new Set([...stored, ...written].map((subject) => principalText({ issuer: LOCAL_ISSUER, subject })));
    const open = Map.groupBy(rooms.sessions, ({ principal }) => principalText(principal));
    const names = wanted === undefined ? new Set([...shutOut, ...holders, ...open.keys()]) : [wanted];
    return [...names].toSorted().map((principal) => ({
      principal,
      disabled: shutOut.has(principal),
      key: holders.has(principal),
      sessions: open.get(principal)?.length ?? 0,
    }));
  };
  const one = async (who: string): Promise<PrincipalView> => {
    const principal = principalText(readPrincipal(who));
    const [view] = await told(principal);
    return view ?? { principal, disabled: false, key: false, sessions: 0 };
  };
  return {
    principals: async () => ({ principals: await told() }),
    principal: one,
    setDisabled: async (who, isDisabled) => {
      await setDisabled(disabled, readPrincipal(who), isDisabled, now());
      return await one(who);
    },
  };
}

type KeyActs = Pick<CallerActs, 'createKey' | 'key' | 'keys' | 'revokeKey' | 'rotateKey'>;

function keyActs({ keys, rooms }: CallerActsOptions): KeyActs {
  const table = (): KeyTable => {
    if (keys === undefined) throw new AdminError(409, 'no_keys', 'Without authentication there are no keys.');
    return keys;
  };
  const written = (): readonly string[] => rooms.config.auth.keys.map(({ name }) => name);
  return {
    keys: async () => ({ keys: await table().list(), configured: written() }),
    key: async (idOrName) => {
      const found = (await table().list()).find(({ id, name }) => id === idOrName || name === idOrName);
      if (found === undefined) return undefined;
      // A use makes no other edition of it.
      const { lastUsed: _lastUsed, ...rest } = found;
      return rest;
    },
    createKey: async ({ name, ...wanted }) => {
      if (written().includes(name))
        throw new AdminError(409, 'name_taken', 'The configuration has a key of this name.');
      const { key, record } = await said(table().create({ name, ...wanted }));
      return { ...record, key };
    },
    rotateKey: async (idOrName, graceMs) => {
      const issued = await said(table().rotate(idOrName, { graceMs }));
      if (issued === undefined) throw noSuchKey();
      return { ...issued.record, key: issued.key };
    },
    revokeKey: async (idOrName) => {
      const revoked = await said(table().revoke(idOrName));
      if (revoked === undefined) throw noSuchKey();
      return { ...revoked, revoked: true };
    },
  };
}

function noSuchKey(): AdminError {
  return new AdminError(
    404,
    'not_found',
    'There is no such key in the store: those of the configuration are changed there.',
  );
}

/** What was asked for can never be; the other refusals are those of how things are. */
const BAD: ReadonlySet<KeyErrorCode> = new Set(['bad_expiry', 'bad_grace', 'bad_name']);

async function said<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof KeyError) throw new AdminError(BAD.has(error.code) ? 400 : 409, error.code, error.message);
    throw error;
  }
}

/** The id itself is half of what it takes to speak in a session. */
function shortId({ id }: Session): string {
  return hash('sha256', id).slice(0, 16);
}

function sessionView(session: Session): object {
  const { client, endpoint, principal, revision, transport } = session;
  return {
    id: shortId(session),
    transport,
    endpoint,
    principal: principalText(principal),
    revision,
    client: client.info ?? null,
  };
}

type Named = Parameters<typeof setDisabled>[1];

function principalText({ issuer, subject }: Named): string {
  return `${issuer}#${subject}`;
}

function readPrincipal(who: string): Named {
  const at = who.indexOf('#');
  const named =
    at === -1 ? { issuer: LOCAL_ISSUER, subject: who } : { issuer: who.slice(0, at), subject: who.slice(at + 1) };
  if (named.issuer === '' || named.subject === '')
    throw new AdminError(400, 'invalid', 'Expected the name of a key, or ISSUER#SUBJECT.');
  if (named.issuer === LOCAL.issuer && named.subject === LOCAL.subject)
    throw new AdminError(409, 'local_key', 'The user of this machine cannot be shut out.');
  return named;
}
