/** What subscriptions keep of those who are there, and what they are given of the other rooms. Types alone. */

import type { Answer, Exchange, Principal, Session } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import type { Audience, Instance, Owner, Vantage } from '../call.ts';
import type { ListChange, ShownTools } from './list-changes.ts';
import type { Listenable, TaskNewsOptions } from './task-news.ts';
import type { Want, Wishes } from './wants.ts';
import type { SetTimer } from './windows.ts';

export interface Listener {
  readonly exchange: Exchange;
  readonly changes: ReadonlySet<ListChange>;
  readonly wishes: Wishes;
  readonly finish: (answer: Answer) => void;
  /** How many it has asked for. */
  readonly tasks: number;
  /** Of news of tasks. */
  endTasks: () => void;
}

/** Those who are at one endpoint. */
export interface Crowd {
  readonly sessions: Map<Session, Wishes>;
  readonly listeners: Set<Listener>;
}

/** Somebody, and what they see. */
export interface Standing {
  readonly who: Session | Listener;
  readonly wishes: Wishes;
  readonly vantage: Vantage;
}

export interface Change {
  readonly kinds: ReadonlySet<ListChange>;
  readonly owners: boolean;
}

export interface SubscriptionsOptions extends ShownTools {
  /** The server that owns a URI; undefined when nobody does that can be seen. */
  readonly ownerOf: (uri: string, vantage: Vantage) => string | undefined;
  /** What somebody may see at this moment. */
  readonly audienceOf: (visitor: { readonly endpoint: string; readonly principal: Principal }) => Audience | undefined;
  /** What is another for somebody who sees another part of the catalogue. */
  readonly changeBetween: (before: Vantage, after: Vantage) => Change;
  /** False when a server has said that it reports no updates. */
  readonly supports: (server: string, vantage: Vantage) => boolean;
  /** The instance that is asked for somebody; undefined where one server serves all. */
  readonly instanceOf: (server: string, owner: Owner) => Instance | undefined;
  readonly want: Want;
  /** Of these tasks, those that somebody may hear of. */
  readonly listenable: (exchange: Exchange, taskIds: readonly string[]) => readonly Listenable[];
  readonly taskNews: Omit<TaskNewsOptions, 'setTimer'>;
  readonly info: JsonObject;
  /** Of each principal: resources it is subscribed to, and listens that are open. */
  readonly limits: () => { readonly subscriptions: number; readonly streams: number };
  readonly setTimer: SetTimer;
}
