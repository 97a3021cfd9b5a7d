/** What all clients of one everything server share: counters that tests read, and what its tools can change. */
import type { McpServer } from '@sallyport/server';

/** The resource that `bump` changes. */
export const WATCHED_URI = 'test://watched-resource';

export interface EverythingState {
  readonly server: McpServer;
  /** Calls of `sleep` that their caller cancelled. */
  cancellations: number;
  /** Number of changes to {@link WATCHED_URI}; part of its text. */
  revision: number;
  /** Adds the tool `sometimes_tool`, or takes it away. */
  readonly toggleTool: () => void;
  /** The same for the prompt `sometimes_prompt`. */
  readonly togglePrompt: () => void;
}

export function createState(server: McpServer): EverythingState {
  return {
    server,
    cancellations: 0,
    revision: 0,
    toggleTool: toggle(() => server.addTool({ name: 'sometimes_tool', description: 'Comes and goes.' }, () => 'here')),
    togglePrompt: toggle(() =>
      server.addPrompt({ name: 'sometimes_prompt', description: 'Comes and goes.' }, () => 'here'),
    ),
  };
}

function toggle(add: () => { remove(): void }): () => void {
  let added: { remove(): void } | undefined;
  return () => {
    if (added === undefined) added = add();
    else {
      added.remove();
      added = undefined;
    }
  };
}
