import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { placeOf } from '../../reading.js';

export const check = defineCheck({
  id: 'name.conflict',
  chapter: 'host',
  title: 'a container of this name is there already, or two services want it',
  severity: 'fail',
  blocksUp: 'NAME_CONFLICT',
  why: 'Names of containers are unique on an engine: the service cannot be made.',
  docs: `\`container_name:\` gives up the project's name in front, so that two projects, or two copies of one, collide. Remove the key, or remove the other container if it is a left-over: \`docker rm NAME\`. Two services of one project cannot have the same name either.`,
  async probe(facts) {
    return [...wantedTwice(facts), ...(await takenByOthers(facts))];
  },
});

function wantedTwice(facts: Facts): Finding[] {
  const owners = new Map<string, string>();
  return Object.values(facts.project.services).flatMap(({ name, containerName }): Finding[] => {
    if (!containerName) return [];
    const first = owners.get(containerName);
    owners.set(containerName, first ?? name);
    if (first === undefined) return [];
    return [
      {
        message: `"${first}" and "${name}" both want the container name ${containerName}`,
        next: `remove container_name from ${name}, or give it another`,
        service: name,
        ...placeOf(facts.reading, 'services', name, 'container_name'),
      },
    ];
  });
}

async function takenByOthers(facts: Facts): Promise<Finding[]> {
  const named = Object.values(facts.project.services).filter(({ containerName }) => containerName);
  const docker = named.length === 0 ? undefined : await facts.survey();
  if (!docker) return [];
  const listed = await docker.listed();
  return named.flatMap(({ name, containerName }): Finding[] => {
    const other = listed.find(
      (container) =>
        container.name === containerName &&
        !(container.project === facts.location.name && container.service === name),
    );
    if (!other) return [];
    const owner = other.project ? ` of the project "${other.project}"` : '';
    return [
      {
        message: `"${name}" needs the container name ${containerName}, which a container${owner} has (${other.state})`,
        next: `remove container_name from ${name}      (or, if it is a left-over: docker rm ${containerName})`,
        service: name,
        details: { container: other.name },
        ...placeOf(facts.reading, 'services', name, 'container_name'),
      },
    ];
  });
}
