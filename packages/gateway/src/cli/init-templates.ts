/** First configurations: for one person, for a team behind one gateway, for machines that nobody sits at. Each is valid as it is. */

export type Template = 'solo' | 'team' | 'fleet';

export const TEMPLATES: readonly { readonly value: Template; readonly label: string }[] = [
  { value: 'solo', label: 'solo: one person, one machine' },
  { value: 'team', label: 'team: several people, with roles and rules' },
  { value: 'fleet', label: 'fleet: many machines, nothing changes unasked' },
];

/** The role that the clients of the person who runs `init` get; undefined without roles. */
export function roleOf(template: Template): string | undefined {
  return template === 'solo' ? undefined : 'developer';
}

const HEAD = `# Written by \`sallyport init\`. \`sallyport config schema\` prints what may stand here; \`sallyport validate\` checks it.
mcpServers: {}
`;

const POLICY = `
policy:
  # There are roles to begin with: admin, developer (asked before a tool destroys) and viewer (what only reads):
  # \`sallyport key create NAME --role viewer\`. This one is whoever sits at this machine.
  roles:
    owner: { keys: [local] }
  rules:
    - { effect: allow, roles: [owner], servers: ['*'] }
    # A rule that denies wins, for admins too.
    - { effect: deny, tools: ['*__delete_*', '*__drop_*'], reason: Nothing is deleted from here. }
`;

const TEXTS: Readonly<Record<Template, string>> = {
  solo: HEAD,
  team: `${HEAD}
# For people on other machines: a host, a certificate, and how they sign in (docs/DEPLOYMENT.md, docs/AUTHENTICATION.md).
# listen: { host: 0.0.0.0, port: 8443, publicUrl: 'https://mcp.example.com:8443', tls: { cert: …, key: … } }
${POLICY}
guard:
  # Who changes what a tool is has to be asked again: \`sallyport pins approve\`.
  pins: { mode: quarantine }
`,
  fleet: `${HEAD}
# The file comes from elsewhere: a running gateway takes a change over when \`sallyport reload\` says so.
reload: confirm
${POLICY}
guard:
  arguments: validate
  pins: { mode: quarantine }
  secrets: redact

limits:
  rate: { perPrincipal: 300/m, global: 6000/m }
  concurrency: 16

audit:
  # A call is answered only once its record is on disk.
  durability: strict

telemetry: { log: { format: json } }
`,
};

export function templateText(template: Template): string {
  return TEXTS[template];
}
