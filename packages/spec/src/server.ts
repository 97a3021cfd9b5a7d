/**
 * The specification server: tools, prompts and resources on a server of @sallyport/server, which carries them on every
 * transport. Opens no port and reads no file before it is asked; `watch` begins to tell of changed files.
 */
import { createServer, type McpServer, type Viewer } from '@sallyport/server';
import { DINCODER_PROJECT_TOOLS } from './dincoder/tools-project.ts';
import { DINCODER_QUALITY_TOOLS } from './dincoder/tools-quality.ts';
import { DINCODER_READ_TOOLS } from './dincoder/tools-read.ts';
import { DINCODER_STEP_TOOLS } from './dincoder/tools-steps.ts';
import type { Environment } from './layout/features.ts';
import { addPrompts } from './resources/prompts.ts';
import { addResources, featureNames } from './resources/resources.ts';
import { FIRST_BASE, namedRoots } from './resources/roots.ts';
import { watchFiles, type Watching } from './resources/watch.ts';
import { narrowingIn, readQueryFor, type ReadQuery } from './serving/narrowing.ts';
import { atOnce } from './serving/at-once.ts';
import { timed, type ToolCall } from './serving/calls.ts';
import { CLARIFY_TOOLS } from './tools/clarify.ts';
import { TASK_TOOLS } from './tools/tasks.ts';
import { addTools, type OpenProject, type Tool } from './tools/tool.ts';
import { WORKFLOW_TOOLS } from './tools/workflow.ts';
import { WORKING_TOOLS } from './tools/working.ts';
import { createWorkspaces, type Workspaces } from './workspace/workspace.ts';

export interface SpecServerOptions {
  /** Absolute folders that may be worked in, and all below. The first is the one meant when none is named. */
  readonly roots: readonly string[];
  readonly version: string;
  /** SPECIFY_FEATURE, SPECIFY_FEATURE_DIRECTORY are read, and what commands get is taken out of it. */
  readonly env: Environment;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Lets `?config=` of a URL narrow the folder and the time of commands. Off. */
  readonly allowConfig?: boolean;
  /** Told of each call that came to a tool, once it is over. */
  readonly onCall?: (call: ToolCall) => void;
}

export interface SpecServer {
  /** For `serve`, the test kit or a gateway. */
  readonly server: McpServer;
  /** For `query` of `serve`: without it a `?config=` would be passed over in silence. */
  readonly query: ReadQuery;
  /** Tells subscribers of files of the roots that change, until it is closed. */
  watch(): Watching;
}

const TOOLS: readonly Tool[] = [
  ...WORKFLOW_TOOLS,
  ...CLARIFY_TOOLS,
  ...TASK_TOOLS,
  ...WORKING_TOOLS,
  ...DINCODER_STEP_TOOLS,
  ...DINCODER_READ_TOOLS,
  ...DINCODER_PROJECT_TOOLS,
  ...DINCODER_QUALITY_TOOLS,
];

/** Calls that start programs, of all clients together. */
const PROGRAMS_AT_ONCE = 8;

const INSTRUCTIONS = `Work by specification: constitution, specification, plan and tasks are files of the project.
Order: constitution, specify, clarify, plan, checklist, tasks, analyze, implement, converge.
Before each step call step_begin: it answers the template, the texts it builds on and the rules. You write the text; the writing
tool checks it and names line and rule when it refuses. workflow_status says where the project stands; undo takes a change back.`;

/** Throws a SpecError when a root is missing, no folder, or one of the system's. */
export function createSpecServer({
  allowConfig = false,
  env,
  now,
  onCall,
  roots,
  version,
}: SpecServerOptions): SpecServer {
  const workspaces = createWorkspaces({ roots, now });
  const allowed = ({ endpoint }: Pick<Viewer, 'endpoint'>): Workspaces => {
    const { workspacePath } = narrowingIn(endpoint);
    return workspacePath === undefined ? workspaces : workspaces.within(workspacePath);
  };
  const open: OpenProject = (viewer, path) => ({
    workspace: allowed(viewer).open(path),
    env,
    longestMs: narrowingIn(viewer.endpoint).longestMs,
  });
  const server = createServer({ name: 'sallyport-spec', title: 'Sallyport spec', version, instructions: INSTRUCTIONS });
  const tools = atOnce(TOOLS, PROGRAMS_AT_ONCE);
  addTools(server, onCall === undefined ? tools : tools.map((tool) => timed(tool, now, onCall)), open);
  addPrompts(server, featureNames(open));
  addResources(server, open, (viewer) => namedRoots(allowed(viewer).roots), workspaces.roots.length);
  return {
    server,
    query: readQueryFor(workspaces, allowConfig),
    watch() {
      const watching = namedRoots(workspaces.roots).map(({ base, path }) =>
        watchFiles(path, (inside) => {
          // To whoever sees all roots under its own name; to whoever was narrowed to this one, as the first.
          const placeOf = ({ endpoint }: Viewer): string | undefined => narrowingIn(endpoint).workspacePath;
          server.resourceUpdated(base + inside, (viewer) => placeOf(viewer) === undefined);
          server.resourceUpdated(FIRST_BASE + inside, (viewer) => placeOf(viewer) === path);
        }),
      );
      return {
        close() {
          for (const one of watching) one.close();
        },
      };
    },
  };
}
