/** Behind an OpenID provider: whoever calls brings an access token that it has signed for this server. Roles and scopes decide. */
import { createServer, serve } from '@sallyport/server';
import { oidc } from '@sallyport/server/auth';
import * as z from 'zod';

const issuer = process.env['OIDC_ISSUER'];
if (issuer === undefined)
  throw new Error('OIDC_ISSUER: the issuer whose tokens are good, as https://id.example.com/realms/acme');

const server = createServer({ name: 'reports', version: '1.0.0', instructions: 'Reports of the company.' });
const reports = new Map([['2025', 'All went well.']]);
const year = z
  .string()
  .regex(/^\d{4}$/)
  .describe('As 2025');

server.addTool(
  {
    name: 'whoami',
    description: 'Says who calls, as the token has it.',
    outputSchema: z.object({ id: z.string(), roles: z.array(z.string()), scopes: z.array(z.string()) }),
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  (_params, { user }) => ({ id: user.id, roles: [...user.roles], scopes: [...(user.scopes ?? [])] }),
);

server.addTool(
  {
    name: 'read_report',
    description: 'Gives the report of a year.',
    inputSchema: z.strictObject({ year }),
    annotations: { readOnlyHint: true, openWorldHint: false },
    requireScope: 'read',
  },
  (params) => reports.get(params.year) ?? 'There is none.',
);

server.addTool(
  {
    name: 'publish_report',
    description: 'Puts a report in place of the one of that year.',
    inputSchema: z.strictObject({ year, text: z.string().max(100_000).describe('The report') }),
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    // A client that lacks it is told which scopes to ask for.
    requireScope: ['read', 'write'],
  },
  (params) => {
    reports.set(params.year, params.text);
    return `Published ${params.year}.`;
  },
);

server.addTool(
  {
    name: 'delete_reports',
    description: 'Deletes all reports.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    // For everybody else it does not exist.
    requireRole: 'admin',
  },
  () => {
    reports.clear();
    return 'Deleted.';
  },
);

const serving = await serve(server, {
  http: { port: Number(process.env['PORT'] ?? 3000) },
  // Auth0, Okta, Keycloak, Microsoft and Authentik have a preset each.
  auth: oidc({
    provider: {
      name: 'our provider',
      issuer,
      audience: [],
      algorithms: ['RS256'],
      claims: { roles: 'roles', groups: 'groups' },
    },
  }),
  scopes: ['mcp'],
});
console.log(serving.url);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void serving.close());
