/** Whom a verb is about, as a person types it. It looks nobody up. */
import { LOCAL, LOCAL_ISSUER } from '../wiring/local.ts';
import { PSEUDONYM, readName, type Named } from '../privacy/index.ts';
import { CliError, exitCodes } from './exit.ts';
import { oneLine } from './text.ts';

/** The name of a key or ISSUER#SUBJECT; `issuer` stands for the one that is not written. */
export function readPrincipal(who: string, issuer: string = LOCAL_ISSUER): Named {
  const named = issuer === LOCAL_ISSUER ? readName(who, LOCAL_ISSUER) : { issuer, subject: who };
  if (named === undefined || named.issuer === '' || named.subject === '') {
    throw new CliError(`${oneLine(who)}: expected the name of a key, or ISSUER#SUBJECT`, exitCodes.usage);
  }
  return named;
}

/** The same, but a pseudonym stays one. */
export function namedPrincipal(who: string): Named | string {
  return PSEUDONYM.test(who) ? who : readPrincipal(who);
}

/** The user of this machine, who is named everywhere and has no pseudonym. */
export function isUser(who: Named): boolean {
  return isSame(who, LOCAL);
}

export function isSame(one: Named | undefined, other: Named): boolean {
  return one?.issuer === other.issuer && one.subject === other.subject;
}
