/** Whether somebody who is being served would still be let in, as the same one: asked again while an answer is not ended. */

import type { Socket } from 'node:net';
import type { Authenticated } from '../auth/authenticate.ts';
import type { ListenerOptions } from './listener-options.ts';
import { isDisplaced, isSameCaller, VisitCredentials, type Judgement, type Visit } from './visit.ts';

type Asked = Pick<ListenerOptions, 'authenticate' | 'edition' | 'endpoint'>;

/** Cuts somebody who is served and would not be let in now, or as somebody else. Not being able to tell is that too. */
export function recheckVisit(socket: Socket, visit: Visit, options: Asked, judgement: Judgement): void {
  const { principal, response } = visit;
  if (principal === undefined || response.writableEnded) return;
  const judge = (now: Authenticated | undefined): void => {
    visit.asking = false;
    if (!response.writableEnded && (now === undefined || !isSameCaller(principal, now))) socket.destroy();
  };
  try {
    if (isDisplaced(visit, principal, options)) return void socket.destroy();
    if (visit.asking) return;
    const now = options.authenticate(new VisitCredentials(visit, judgement));
    if (!(now instanceof Promise)) return judge(now);
    visit.asking = true;
    now.then(judge, () => judge(undefined));
  } catch {
    judge(undefined);
  }
}
