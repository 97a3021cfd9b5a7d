/** What a gateway tells and does for its own user: requests with the local key to one that has proven whose it is. */
import { openLocalKey } from '../credentials/index.ts';
import type { DaemonRecord } from '../wiring/daemon.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { requestJson, type JsonReply } from './request-json.ts';

/** A reload may wait for calls of what it replaces. */
const TIMEOUT_MS = 60_000;

/** Asks; with a body it is a POST. Throws a CliError for everything but a 200. */
export async function askOwn(
  { files }: CliContext,
  { url }: Pick<DaemonRecord, 'url'>,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const key = await openLocalKey({ directory: await files.stateDirectory() });
  let reply: JsonReply;
  try {
    reply = await requestJson(new URL(path, url), {
      headers: { authorization: `Bearer ${key}` },
      timeoutMs: TIMEOUT_MS,
      ...(body !== undefined && { body }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`the gateway at ${url} went away: ${reason}`, exitCodes.unreachable);
  }
  if (reply.status === 200) return reply.body;
  throw refusal(url, reply.status);
}

function refusal(url: string, status: number): CliError {
  if (status === 401) return new CliError(`the gateway at ${url} does not accept the local key`, exitCodes.refused);
  if (status !== 404) return new CliError(`the gateway at ${url} answered ${status}`, exitCodes.failed);
  return new CliError(
    `the gateway at ${url} is not for this machine alone (listen.host, publicUrl or trustProxy), so it takes no questions and commands here.\nIts log says how it is; a restart reads its configuration again`,
    exitCodes.refused,
  );
}
