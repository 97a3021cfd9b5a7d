/** What a task came from, and the text of its id before it is sealed. Pure. */

import type { JsonObject } from '@sallyport/wire';

/** The call of a tool that made a task. */
export interface Made {
  /** Canonical id of the tool. */
  readonly tool: string;
  /** A person was asked about the call, and said yes. */
  readonly approved: boolean;
  /** As JSON; absent where they are too long to be kept, or forgotten. */
  readonly arguments?: string;
}

/** A task, whoever's it is. */
export interface TaskName {
  readonly server: string;
  /** The server's own id. */
  readonly original: string;
  /** Absent where no tool made it. */
  readonly made?: Made | undefined;
}

const LIST_START = '[';

/** Arguments are no part of it: an id has to fit into a header. */
export function idText({ made, original, server }: TaskName): string {
  return made === undefined
    ? `${server} ${original}`
    : JSON.stringify([server, original, made.tool, made.approved ? 1 : 0]);
}

/** `text` was sealed here: it is one of ours. */
export function readId(text: string): TaskName {
  if (!text.startsWith(LIST_START)) {
    const cut = text.indexOf(' ');
    return { server: text.slice(0, cut), original: text.slice(cut + 1) };
  }
  const [server, original, tool, approved] = JSON.parse(text) as [string, string, string, number];
  return { server, original, made: { tool, approved: approved === 1 } };
}

/** What is believed of tools, by canonical id. Of one that is not there any more the worst: its tasks go on. */
export function createAnnotationsOf<Who>(
  tools: (who: Who) => ReadonlyMap<string, { readonly id: string; readonly annotations: JsonObject | undefined }>,
): (tool: string, who: Who) => JsonObject | undefined {
  const known = new WeakMap<object, ReadonlyMap<string, JsonObject | undefined>>();
  return (tool, who) => {
    const all = tools(who);
    let byId = known.get(all);
    if (byId === undefined) {
      byId = new Map([...all.values()].map(({ annotations, id }) => [id, annotations]));
      known.set(all, byId);
    }
    return byId.has(tool) ? byId.get(tool) : { destructiveHint: true };
  };
}
