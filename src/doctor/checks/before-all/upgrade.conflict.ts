import { unresolvedConflicts } from '../../../template/upgrade-folder.js';
import { defineCheck } from '../../check.js';

export const check = defineCheck({
  id: 'upgrade.conflict',
  chapter: 'before-all',
  title: 'an upgrade left a conflict in a file',
  severity: 'fail',
  needs: [],
  blocksUp: 'UPGRADE_IN_CONFLICT',
  why: 'The file has two versions of the same lines and markers between them: nothing that reads it understands it.',
  docs: `\`invctl upgrade\` merges what changed in the template into what you changed. Where both changed the same lines, both stand in the file: yours behind \`<<<<<<<\`, what they were made from behind \`|||||||\`, the template's behind \`=======\`, up to \`>>>>>>>\`. Keep what is right and remove the four markers; editors that know git have buttons for it. \`invctl upgrade --abort\` puts every file back to what it was before the upgrade, and keeps copies of what you edited since.`,
  async probe({ location }) {
    return (await unresolvedConflicts(location.directory)).flatMap(({ file, lines }) =>
      lines.map((line) => ({
        message: 'both versions of an upgrade stand here, between <<<<<<< and >>>>>>>',
        next: 'edit it: keep what is right, remove the markers      (or: invctl upgrade --abort)',
        file,
        line,
      })),
    );
  },
});
