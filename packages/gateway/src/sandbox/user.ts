/** Whom a name or number of the configuration means, by /etc/passwd (passwd(5)). Asks no directory service. */
import { readFile } from 'node:fs/promises';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

const MAX_ID = 0xffff_fffe;

/** A number that /etc/passwd does not know is that user and the group of the same number. Rejects for an unknown name. */
export async function userNamed(
  written: string,
  passwd: () => Promise<string> = () => readFile('/etc/passwd', 'utf8'),
): Promise<User> {
  const isNumber = /^\d+$/.test(written);
  for (const line of (await passwd().catch(() => '')).split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if ((isNumber ? uid : name) === written) return { uid: Number(uid), gid: Number(gid) };
  }
  const id = Number(written);
  if (isNumber && id <= MAX_ID) return { uid: id, gid: id };
  throw new Error(`The user "${written}" of "sandbox.user" is not in /etc/passwd: write one that is, or a number.`);
}
