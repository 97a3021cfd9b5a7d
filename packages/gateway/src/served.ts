/** What the doors serve: the route of calls, and what becomes of sessions, each as a fact that the rooms concerned are told. */

import type { Served, Session, Visitor } from '@sallyport/server';
import type { Admission } from './admission/index.ts';
import { sessionEvent } from './wiring/audit-events.ts';
import type { Audience } from './call.ts';
import type { CatalogRoom, CatalogView } from './catalog/index.ts';
import { sessionKey } from './isolation/index.ts';
import type { Projects } from './isolation/project.ts';
import type { Announcements } from './logins/announcements.ts';
import { createNotices } from './wiring/notices.ts';
import type { Pipeline } from './pipeline.ts';
import type { Policy } from './policy/index.ts';
import type { RoomOptions } from './rooms.ts';
import type { SubscriptionsRoom } from './subscriptions/index.ts';
import type { TaskRoom } from './tasks/index.ts';
import type { UpstreamRoom } from './upstream/index.ts';

export interface ServedParts {
  readonly options: Pick<RoomOptions, 'audit' | 'info' | 'log' | 'logins' | 'now'>;
  readonly pipeline: Pipeline;
  readonly admission: Admission;
  readonly announcements: Announcements;
  readonly subscriptions: SubscriptionsRoom;
  readonly tasks: TaskRoom;
  readonly upstreams: UpstreamRoom;
  readonly catalog: CatalogRoom;
  readonly projects: Projects;
  /** In force. */
  readonly policy: () => Policy;
  /** Those that are open. */
  readonly sessions: Set<Session>;
  readonly levelChanged: () => void;
  readonly audienceOf: (visitor: Visitor) => Audience | undefined;
  readonly viewOf: (visitor: Visitor) => CatalogView;
}

export function createServed(parts: ServedParts): Served {
  const { admission, announcements, options, pipeline, sessions, subscriptions, tasks, upstreams } = parts;
  const { audit, info, logins } = options;
  return {
    describe: (visitor, era) => {
      const view = parts.viewOf(visitor);
      const { tasks: ofTasks, ...shared } = view.capabilities();
      const capabilities = era === 'session' && ofTasks !== undefined ? { ...shared, tasks: ofTasks } : shared;
      return { info, capabilities, instructions: view.instructions() };
    },
    admit: (caller) => admission.admitGreeting(caller),
    handle: (exchange) => {
      logins.callers.came(exchange.principal);
      return pipeline.handle(exchange);
    },
    notified: notices(parts),
    sessionOpened: (session) => {
      audit.record(sessionEvent('session.open', session));
      sessions.add(session);
      subscriptions.sessionOpened(session);
    },
    sessionChanged: (session, principal) => {
      const { endpoint } = session;
      subscriptions.principalChanged(session, { endpoint, audience: parts.audienceOf({ endpoint, principal }) });
    },
    sessionClosed: (session) => {
      audit.record(sessionEvent('session.close', session));
      sessions.delete(session);
      subscriptions.sessionClosed(session);
      tasks.sessionClosed(session);
      announcements.sessionClosed(session);
      parts.levelChanged();
      upstreams.release(sessionKey(session));
    },
  };
}

/** What clients say without asking, to those servers that they may reach. */
function notices({ catalog, options, policy, projects, upstreams, viewOf }: ServedParts): Served['notified'] {
  const { log, now } = options;
  return createNotices({
    serversOf: (session) => viewOf(session).servers,
    decide: ({ endpoint, principal }, server, { method, params }) =>
      policy().decide({
        principal,
        target: { kind: 'server', server, canonicalId: method },
        arguments: params ?? {},
        nowMs: now(),
        view: catalog.viewNameOf(endpoint),
      }),
    rootsChanged: (session) => projects.rootsChanged(session),
    tell: (server, message) => upstreams.notify(server, 'session', message),
    log,
    now,
  });
}
