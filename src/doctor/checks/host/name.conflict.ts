import { defineCheck } from '../../check.js';
import { placeOf } from '../../reading.js';

export const check = defineCheck({
  id: 'name.conflict',
  chapter: 'host',
  title: 'a container of this name is there already',
  severity: 'fail',
  needs: ['config', 'docker'],
  why: 'Names of containers are unique on an engine: the service cannot be made.',
  docs: `\`container_name:\` gives up the project's name in front, so that two projects, or two copies of one, collide. Remove the key, or remove the other container if it is a left-over: \`docker rm NAME\`.`,
  async probe(facts) {
    const listed = await facts.docker.listed();
    return Object.values(facts.project.services).flatMap(({ name, containerName }) => {
      if (!containerName) return [];
      const other = listed.find(
        (container) =>
          container.name === containerName &&
          !(container.project === facts.location.name && container.service === name),
      );
      if (!other) return [];
      const owner = other.project ? ` of the project "${other.project}"` : '';
      return [
        {
          message: `"${name}" wants the container name ${containerName}, which a container${owner} has (${other.state})`,
          next: `remove container_name from ${name}      (or, if it is a left-over: docker rm ${containerName})`,
          service: name,
          ...placeOf(facts.reading, 'services', name, 'container_name'),
        },
      ];
    });
  },
});
