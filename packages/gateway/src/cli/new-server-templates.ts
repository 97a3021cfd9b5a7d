/** The files of a new server: a project with two tools and a test, that installs and runs as it is. Texts alone. */

export type ProjectLanguage = 'ts' | 'js';

export interface Project {
  /** Of the package and of the server. */
  readonly name: string;
  /** Of `@sallyport/server`. */
  readonly version: string;
  readonly language: ProjectLanguage;
}

/** What new projects are made with, beside `@sallyport/server`. */
const PROJECT_DEPENDENCIES = { zod: '^4.6.7' };
const PROJECT_TOOLS = { '@types/node': '^24.19.2', typescript: '^7.0.2' };
/** The first Node that runs TypeScript by itself. */
const NODE_OF_TYPESCRIPT = '>=22.18';
const NODE_OF_JAVASCRIPT = '>=22.13';

/** Text by path. */
export function projectFiles(project: Project): Readonly<Record<string, string>> {
  const { language } = project;
  return {
    'package.json': `${JSON.stringify(manifest(project), null, 2)}\n`,
    ...(language === 'ts' && { 'tsconfig.json': `${JSON.stringify(TSCONFIG, null, 2)}\n` }),
    '.gitignore': 'node_modules/\n',
    'README.md': readme(project),
    [`src/server.${language}`]: server(project),
    [`src/main.${language}`]: main(project),
    [`src/server.test.${language}`]: test(project),
  };
}

function manifest({ name, version, language }: Project): object {
  const isTyped = language === 'ts';
  return {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    engines: { node: isTyped ? NODE_OF_TYPESCRIPT : NODE_OF_JAVASCRIPT },
    scripts: {
      start: `node src/main.${language}`,
      test: 'node --test',
      ...(isTyped && { check: 'tsc' }),
    },
    dependencies: { '@sallyport/server': `^${version}`, ...PROJECT_DEPENDENCIES },
    ...(isTyped && { devDependencies: PROJECT_TOOLS }),
  };
}

const TSCONFIG = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ['src'],
};

function server({ name, language }: Project): string {
  const ofTexts = language === 'ts' ? '<string, string>' : '';
  return `/** What ${name} offers. How it is served is in main. */
import { createServer, ToolError } from '@sallyport/server';
import * as z from 'zod';

const notes = new Map${ofTexts}();

export const server = createServer({
  name: '${name}',
  version: '0.1.0',
  instructions: 'Keeps short notes under names, for as long as it runs.',
});

server.addTool(
  {
    name: 'write_note',
    description: 'Keeps a note under a name. A note that has that name already is replaced.',
    inputSchema: z.strictObject({
      name: z.string().min(1).max(100).describe('What the note is found by'),
      text: z.string().max(10_000).describe('The note'),
    }),
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  },
  ({ name, text }) => {
    notes.set(name, text);
    return \`Noted \${name}.\`;
  },
);

server.addTool(
  {
    name: 'read_note',
    description: 'Gives the note of a name.',
    inputSchema: z.strictObject({ name: z.string().describe('What it was kept under') }),
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  ({ name }) => {
    const text = notes.get(name);
    // The caller reads the message of a ToolError; of anything else that is thrown only an id.
    if (text === undefined) throw new ToolError(\`There is no note \${name}.\`);
    return text;
  },
);
`;
}

function main({ language }: Project): string {
  return `/** Serves it: over stdio, or with \`--http PORT\` over HTTP on this machine. */
import { parseArgs } from 'node:util';
import { serve } from '@sallyport/server';
import { server } from './server.${language}';

const { values } = parseArgs({ options: { http: { type: 'string' } } });

const serving = await serve(server, values.http === undefined ? { stdio: true } : { http: { port: Number(values.http) } });
if (serving.url !== undefined) console.error(\`listening on \${serving.url}\`);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void serving.close());
`;
}

function test({ language }: Project): string {
  return `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectInMemory } from '@sallyport/server/testing';
import { server } from './server.${language}';

test('a note is found under its name', async () => {
  const client = await connectInMemory(server);
  await client.callTool('write_note', { name: 'shopping', text: 'Milk' });
  const { content } = await client.callTool('read_note', { name: 'shopping' });
  assert.deepEqual(content, [{ type: 'text', text: 'Milk' }]);
  client.close();
});

test('a note that is not there is said to be missing', async () => {
  const client = await connectInMemory(server);
  const { isError, content } = await client.callTool('read_note', { name: 'nothing' });
  assert.equal(isError, true);
  assert.deepEqual(content, [{ type: 'text', text: 'There is no note nothing.' }]);
  client.close();
});
`;
}

function readme({ name, language }: Project): string {
  const check = language === 'ts' ? '\nnpm run check                          # types' : '';
  return `# ${name}

An MCP server on [\`@sallyport/server\`](https://www.npmjs.com/package/@sallyport/server).

\`\`\`sh
npm install
npm test${check}
npx sallyport dev src/main.${language}             # restarts on save; call its tools from the prompt
npx sallyport dev --http src/main.${language} -- --http 0   # the same over HTTP
npx sallyport validate --server src/main.${language}
npm start                              # over stdio, as an AI client starts it
npm start -- --http 3000               # http://127.0.0.1:3000/mcp
npx sallyport add ${name} -- node "$PWD/src/main.${language}"
\`\`\`

The tools are in \`src/server.${language}\`.
`;
}
