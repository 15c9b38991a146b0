import { LABEL_PROJECT, LABEL_STACK } from '../../../engine/labels.js';
import { defineCheck } from '../../check.js';
import { placeOf } from '../../reading.js';

export const check = defineCheck({
  id: 'vol.foreign',
  chapter: 'volumes',
  title: 'a volume belongs to another project',
  severity: 'warn',
  needs: ['config', 'docker'],
  why: 'Two projects that share a volume overwrite each other; two servers on one data folder destroy it.',
  docs: `The volume of this name was made by another Compose project, or by hand. Compose uses it with a warning. Give the volume another \`name:\`, or, where sharing is meant, declare it \`external: true\`.`,
  async probe(facts) {
    const volumes = await facts.docker.volumes();
    return Object.entries(facts.project.volumes).flatMap(([key, { name, external }]) => {
      const volume = volumes.find(({ Name }) => Name === name);
      if (external || !volume) return [];
      // A stack has the volumes of the Compose project of its name.
      const owner = volume.Labels?.[LABEL_PROJECT] ?? volume.Labels?.[LABEL_STACK];
      if (owner === facts.location.name) return [];
      return [
        {
          message: `the volume ${name} ${owner ? `belongs to the project "${owner}"` : 'was not made by Compose'}`,
          next: `give volumes.${key} another name, or external: true`,
          ...placeOf(facts.reading, 'volumes', key),
        },
      ];
    });
  },
});
