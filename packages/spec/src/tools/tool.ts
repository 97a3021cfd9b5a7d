/**
 * A tool as this package writes it: shapes of what goes in and out, what it does to files, and a function over a project. How
 * it is served is said once, in `addTools`.
 */
import type { Context, McpServer, Viewer } from '@sallyport/server';
import type { Project } from '../workflow/project.ts';
import { told } from './told.ts';
import {
  closed,
  type JsonSchema,
  type ObjectOf,
  optional,
  type OptionalShape,
  type Shape,
  type Shapes,
  text,
} from './shape.ts';

export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema;
  /** Changes nothing. */
  readonly reads: boolean;
  /** Starts programs of the project. */
  readonly runs: boolean;
  /** Arguments were checked by the schema. */
  readonly run: (project: Project, params: never, context: ToolContext) => Promise<Answered>;
}

/** What of a call a tool may use. */
export type ToolContext = Pick<Context, 'signal' | 'progress' | 'elicit' | 'client'>;

export interface Answered {
  readonly value: object;
  /** What a person or model reads; the value as JSON when left out. */
  readonly text: string | undefined;
}

interface Written<P extends Shapes, R extends object> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: P;
  readonly output: Shape<R>;
  readonly reads?: boolean;
  readonly runs?: boolean;
  readonly run: (project: Project, params: ObjectOf<P>, context: ToolContext) => Promise<R>;
  readonly text?: (value: R) => string;
}

export const FEATURE: OptionalShape<string> = optional(
  text('The feature: folder name, number, or path. The one in work when left out.', { maxLength: 300 }),
);

const WORKSPACE = optional(
  text('Folder of the project, inside the folders this server may work in. Its first folder when left out.', {
    maxLength: 4096,
  }),
);

export function tool<P extends Shapes, R extends object>(written: Written<P, R>): Tool {
  const { name, title, description, input, output, reads = false, runs = false } = written;
  return {
    name,
    title,
    description,
    inputSchema: closed({ ...input, workspacePath: WORKSPACE }).json,
    outputSchema: output.json,
    reads,
    runs,
    async run(project, params, context) {
      const value = await written.run(project, params, context);
      return { value, text: written.text?.(value) };
    },
  };
}

/** The project that whoever asks means: `path` is what a client names, the first folder when it names none. */
export type OpenProject = (viewer: Pick<Viewer, 'endpoint'>, path?: string) => Project;

export function addTools(server: McpServer, tools: readonly Tool[], open: OpenProject): void {
  for (const { name, title, description, inputSchema, outputSchema, reads, runs, run } of tools) {
    const annotations = {
      title,
      readOnlyHint: reads,
      destructiveHint: false,
      idempotentHint: reads,
      openWorldHint: runs,
    };
    server.addTool({ name, title, description, inputSchema, outputSchema, annotations }, async (params, context) => {
      try {
        const path = params['workspacePath'];
        const project = open(context, typeof path === 'string' ? path : undefined);
        const answer = await run(project, params as never, context);
        const json = JSON.stringify(answer.value, null, 2);
        // Without members that are undefined, as its schema wants it.
        const structuredContent: unknown = JSON.parse(json);
        return { content: [{ type: 'text', text: answer.text ?? json }], structuredContent };
      } catch (error) {
        throw told(error);
      }
    });
  }
}
