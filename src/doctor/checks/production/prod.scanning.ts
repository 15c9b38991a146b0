import { defineCheck } from '../../check.js';
import { ciFiles, mentions } from '../../ci-files.js';

export const check = defineCheck({
  id: 'prod.scanning',
  chapter: 'production',
  title: 'images are scanned for known holes',
  severity: 'fail',
  needs: ['files'],
  why: 'A base image collects holes while nobody looks.',
  docs: `Checklist item 12. A step of the CI with trivy, grype, docker scout or snyk, or a service that scans the registry. Where the CI has none, a registry may do it: unknown. It is judged by the repository, whatever runs the project. The pipeline of \`invctl init --ci github\` scans what it built before it is pushed.`,
  probe(facts) {
    const files = ciFiles(facts);
    if (mentions(files, SCANNERS)) return [];
    return {
      unknown:
        files.length > 0
          ? 'the CI names no scanner; a registry may do it'
          : 'no CI configuration here. One that scans: invctl init --ci github (or gitlab)',
    };
  },
});

const SCANNERS = /\b(trivy|grype|snyk|clair|anchore|docker[ -]scout|osv-scanner|dependabot|renovate)\b/i;
