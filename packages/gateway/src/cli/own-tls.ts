/**
 * TLS to a gateway of this machine. What goes to loopback leaves no machine, and whoever listens there has to prove that it
 * holds this state's master key before it is shown a key: so its certificate may be for any name, of any authority, and old.
 * No other one is taken unverified.
 */

/** As the URL parser writes them. A name below `localhost`, or one that only looks like it, is looked up and may be anywhere. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

export interface OwnTls {
  readonly rejectUnauthorized: boolean;
}

/** For the address of a gateway out of this state. */
export function ownTls({ hostname }: URL): OwnTls {
  return { rejectUnauthorized: !LOOPBACK.test(hostname) };
}
