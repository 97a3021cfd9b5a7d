/** What tasks are given of the other rooms. */

import type { Leg } from '@sallyport/client';
import type { Visitor } from '@sallyport/server';
import { resultText } from '../bridge/result-bytes.ts';
import type { Audience } from '../call.ts';
import type { CatalogRoom, CatalogView } from '../catalog/index.ts';
import type { Config } from '../config/index.ts';
import { sealing } from '../credentials/index.ts';
import type { RoomOptions } from '../rooms.ts';
import { createAnnotationsOf, type TasksOptions } from '../tasks/index.ts';
import { listsTasks, listTasks } from '../tasks/list.ts';

export interface TaskParts {
  readonly options: Pick<RoomOptions, 'handleKey' | 'log'>;
  readonly catalog: CatalogRoom;
  readonly limits: () => Config['limits'];
  readonly audienceOf: (visitor: Visitor) => Audience | undefined;
  readonly viewOf: (visitor: Visitor) => CatalogView;
  /** Those that lists are asked of for somebody. */
  readonly legsFor: (server: string, visitor: Visitor) => readonly Leg[];
}

export function taskOptions({ audienceOf, catalog, legsFor, limits, options, viewOf }: TaskParts): TasksOptions {
  return {
    ...sealing(options.handleKey),
    textOf: resultText,
    servers: (visitor) => viewOf(visitor).servers.filter((name) => listsTasks(legsFor(name, visitor))),
    audienceOf,
    annotationsOf: createAnnotationsOf(({ principal }) => catalog.everything(principal).catalog.tools),
    list: (server, visitor) => listTasks(legsFor(server, visitor), limits().listDeadlineMs),
    log: options.log,
  };
}
