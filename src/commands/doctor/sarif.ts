import { relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CHAPTERS, type Check, type Severity } from '../../doctor/check.js';
import type { DoctorResult } from '../../services/doctor.js';

const LEVELS: Record<Severity, string> = { fail: 'error', warn: 'warning', info: 'note' };

/**
 * Findings that have a file and a line, as a SARIF 2.1.0 log (OASIS). Code hosts show them beside the lines.
 */
export function sarifLog({ checks, directory }: DoctorResult): unknown {
  const told = checks.filter(({ outcome }) => outcome === 'fail' || outcome === 'warn' || outcome === 'info');
  const rules = told.map(({ check }) => check);
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'invctl doctor', rules: rules.map(ruleOf) } },
        originalUriBaseIds: { PROJECT: { uri: `${pathToFileURL(directory).href}/` } },
        results: told.flatMap(({ check, findings }) =>
          findings.flatMap(({ message, why, next, file, line, severity }) => {
            if (file === undefined || line === undefined) return [];
            const inside = relative(directory, file);
            return [
              {
                ruleId: check.id,
                ruleIndex: rules.indexOf(check),
                level: LEVELS[severity ?? check.severity],
                message: {
                  text: [`${message}.`, why ?? check.why, ...(next ? [`Next: ${next}`] : [])].join(' '),
                },
                locations: [
                  {
                    physicalLocation: {
                      artifactLocation: inside.startsWith('..')
                        ? { uri: pathToFileURL(file).href }
                        : { uri: encodeURI(inside.split(sep).join('/')), uriBaseId: 'PROJECT' },
                      region: { startLine: line },
                    },
                  },
                ],
              },
            ];
          }),
        ),
      },
    ],
  };
}

function ruleOf(check: Check): unknown {
  return {
    id: check.id,
    shortDescription: { text: check.title },
    fullDescription: { text: check.why },
    help: { text: check.docs, markdown: check.docs },
    defaultConfiguration: { level: LEVELS[check.severity] },
    properties: { tags: [CHAPTERS[check.chapter]] },
  };
}
