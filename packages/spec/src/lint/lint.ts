/** Lints the specification of a feature, and mends what can be mended when asked. */
import { readJson } from '../layout/json.ts';
import { artifactPath, featureOf, type Project, readArtifact } from '../workflow/project.ts';
import { lintConfig } from './config.ts';
import { fixText } from './fix.ts';
import { type LintFinding, lintText } from './rules.ts';

export interface LintReport {
  readonly path: string;
  readonly passed: boolean;
  readonly errors: number;
  readonly warnings: number;
  readonly findings: readonly LintFinding[];
  /** How many findings were mended. */
  readonly fixed: number;
}

export async function lintSpec(
  project: Project,
  { autoFix = false, config }: { autoFix?: boolean; config?: unknown },
  named: string | undefined,
): Promise<LintReport> {
  const feature = await featureOf(project, named);
  const settings = lintConfig(await readJson(project.workspace, '.dincoder/lint.json'), config);
  const path = artifactPath(feature, 'spec');
  let findings = lintText(await readArtifact(project.workspace, feature, 'spec'), settings);
  let fixed = 0;
  if (autoFix && findings.some(({ fixable }) => fixable)) {
    await project.workspace.change(feature.name, 'lint', async (draft) => {
      const text = await readArtifact(draft, feature, 'spec');
      const before = lintText(text, settings);
      const mended = fixText(text, before);
      draft.write(path, mended);
      findings = lintText(mended, settings);
      fixed = before.length - findings.length;
    });
  }
  const count = (severity: LintFinding['severity']): number =>
    findings.filter((one) => one.severity === severity).length;
  return { path, passed: count('error') === 0, errors: count('error'), warnings: count('warning'), findings, fixed };
}

export function lintReport({ path, passed, errors, warnings, findings, fixed }: LintReport): string {
  return [
    `# Lint: ${path}`,
    '',
    `${passed ? 'Passed' : 'Failed'}: ${errors} errors, ${warnings} warnings, ${fixed} mended`,
    '',
    ...findings.map(({ line, severity, rule, message }) => `- line ${line} ${severity} ${rule}: ${message}`),
  ].join('\n');
}
