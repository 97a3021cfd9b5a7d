/** Files of one folder, and of no other: each path is resolved through all its links before it is touched. Over stdio. */
import { constants, type Dirent } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { resolveInside } from '@sallyport/host';
import { createServer, serve, ToolError } from '@sallyport/server';
import * as z from 'zod';

const MAX_BYTES = 1_048_576;
const MAX_ENTRIES = 1000;

const root = process.argv[2];
if (root === undefined) throw new Error('usage: node server.ts FOLDER');

const server = createServer({
  name: 'files',
  version: '1.0.0',
  instructions: 'Reads and writes text files of one folder. Paths are relative to it.',
});

/** The real path; whoever asks is told what is wrong with the one that he gave, and no path outside of the folder. */
async function inside(path: string): Promise<string> {
  try {
    return await resolveInside(root as string, path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'outside_root') throw new ToolError(error.message);
    throw error;
  }
}

/** What the system says of a path is told by the path as it was asked for. */
function told(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return new ToolError(`There is no ${path}.`);
  if (code === 'EISDIR' || code === 'ENOTDIR') return new ToolError(`${path} is something else than was asked for.`);
  if (code === 'EEXIST') return new ToolError(`${path} is there already.`);
  return code === 'ELOOP' ? new ToolError(`${path} is a link.`) : error;
}

async function read(path: string): Promise<string> {
  // Not through a link that was put there since: the path was real a moment ago.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    await using file = await open(await inside(path), flags);
    const facts = await file.stat();
    if (!facts.isFile()) throw new ToolError(`${path} is no file.`);
    if (facts.size > MAX_BYTES) throw new ToolError(`${path} has ${facts.size} bytes: too many.`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    throw told(path, error);
  }
}

const path = z.string().min(1).max(4096);

server.addTool(
  {
    name: 'list_files',
    description: 'Lists a folder: files with a name, folders with a / behind it.',
    inputSchema: z.strictObject({ path: path.default('.').describe('The folder, relative to the workspace') }),
    outputSchema: z.object({ entries: z.array(z.string()), more: z.boolean() }),
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  async (asked) => {
    const real = await inside(asked.path);
    const entries = await readdir(real, { withFileTypes: true }).catch((error: unknown): Dirent[] => {
      throw told(asked.path, error);
    });
    const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).toSorted();
    return { entries: names.slice(0, MAX_ENTRIES), more: names.length > MAX_ENTRIES };
  },
);

server.addTool(
  {
    name: 'read_file',
    description: 'Gives the text of a file of 1 MiB at most.',
    inputSchema: z.strictObject({ path: path.describe('The file, relative to the workspace') }),
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  (asked) => read(asked.path),
);

server.addTool(
  {
    name: 'write_file',
    description:
      'Writes a text file, with the folders that it needs. One that is there stays unless it may be replaced.',
    inputSchema: z.strictObject({
      path: path.describe('The file, relative to the workspace'),
      text: z.string().max(MAX_BYTES).describe('All that is to stand in it'),
      replace: z.boolean().default(false).describe('Whether one that is there may be replaced'),
    }),
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  },
  async (asked) => {
    const real = await inside(asked.path);
    const mode = asked.replace ? constants.O_TRUNC : constants.O_EXCL;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | mode;
    try {
      await mkdir(dirname(real), { recursive: true });
      await using file = await open(real, flags, 0o644);
      await file.writeFile(asked.text);
    } catch (error) {
      throw told(asked.path, error);
    }
    return `Wrote ${asked.path}.`;
  },
);

server.addResourceTemplate(
  {
    uriTemplate: 'workspace:///{+path}',
    name: 'file',
    description: 'A file of the workspace.',
    mimeType: 'text/plain',
    list: async () => {
      const entries = await readdir(await inside('.'), { withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .slice(0, MAX_ENTRIES)
        .map(({ name }) => ({ uri: `workspace:///${encodeURIComponent(name)}`, name }));
    },
  },
  (variables) => read(String(variables['path'])),
);

await serve(server, { stdio: true });
