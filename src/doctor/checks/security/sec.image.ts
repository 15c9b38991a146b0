import { defineCheck, type Finding } from '../../check.js';
import { dockerfileOf, type Instruction } from '../../dockerfile.js';
import { placeOf } from '../../reading.js';

/** Images that have a slim variant. */
const HAS_SLIM = /(^|\/)(node|python|ruby|openjdk|rust|golang|debian)$/;
const SLIM = /slim|alpine|distroless|chiseled|minimal|bookworm-slim/;

export const check = defineCheck({
  id: 'sec.image',
  chapter: 'security',
  title: 'an image is not pinned, or larger than it has to be',
  severity: 'warn',
  why: 'Without a version the same file gives another stack tomorrow; of a database even another major.',
  docs: `Name a version: \`postgres:16\`, \`node:24-slim\`, or a digest. \`latest\`, and no tag, mean whatever is newest when somebody pulls. A full base image carries compilers and libraries that the app does not use, and their holes; that is information.`,
  probe(facts) {
    const findings: Finding[] = [];
    for (const service of Object.values(facts.project.services)) {
      if (!service.build && service.image && isUnpinned(service.image)) {
        findings.push({
          message: `the image of "${service.name}" is not pinned: ${service.image}`,
          next: `write a version: ${service.image.replace(/:latest$/, '')}:VERSION`,
          service: service.name,
          ...placeOf(facts.reading, 'services', service.name, 'image'),
        });
      }
      const dockerfile = dockerfileOf(service, facts.reading);
      if (!dockerfile) continue;
      const stages = stageNames(dockerfile.instructions);
      const [from] = dockerfile.lastStage;
      for (const instruction of dockerfile.instructions.filter(({ keyword }) => keyword === 'FROM')) {
        const [image = ''] = instruction.words;
        if (stages.has(image.toLowerCase()) || image === 'scratch' || image.includes('$')) continue;
        const place = { ...dockerfile.place(instruction.line), service: service.name };
        if (isUnpinned(image)) {
          findings.push({
            message: `the base image ${image} is not pinned`,
            next: `FROM ${image.replace(/:latest$/, '')}:VERSION`,
            ...place,
          });
        } else if (instruction === from && HAS_SLIM.test(image.split(':')[0] ?? '') && !SLIM.test(image)) {
          findings.push({
            message: `the base image ${image} is the full one`,
            why: 'It carries compilers and libraries that the app does not use.',
            severity: 'info',
            next: `FROM ${image}-slim`,
            ...place,
          });
        }
      }
    }
    return findings;
  },
});

function isUnpinned(image: string): boolean {
  if (image.includes('@sha256:') || image.includes('$')) return false;
  const tag = /:([^:/]+)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest';
}

function stageNames(instructions: readonly Instruction[]): Set<string> {
  return new Set(
    instructions.flatMap(({ keyword, text }) => {
      const name = keyword === 'FROM' ? /\sAS\s+(\S+)$/i.exec(text)?.[1] : undefined;
      return name === undefined ? [] : [name.toLowerCase()];
    }),
  );
}
