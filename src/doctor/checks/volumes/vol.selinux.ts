import { defineCheck } from '../../check.js';
import { placeOfItem, serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'vol.selinux',
  chapter: 'volumes',
  title: 'a bind mount has no SELinux label',
  severity: 'warn',
  needs: ['config', 'docker'],
  why: 'SELinux refuses the container what file permissions allow: "permission denied" in spite of mode and owner.',
  docs: `With SELinux enforced for Docker, a folder of this machine needs a label before a container may use it: \`./data:/data:z\` (shared among containers) or \`:Z\` (for this one alone). \`ls -Z\` shows labels. Never relabel system folders such as \`/etc\` or \`/home\`.`,
  async probe(facts) {
    const { SecurityOptions: options } = await facts.docker.info();
    if (!options?.some((option) => option.includes('name=selinux'))) return [];
    return Object.values(facts.project.services).flatMap(({ name }) => {
      const keys = serviceKeys(facts.reading, name);
      // Turned off for this container.
      if ((keys.security_opt ?? []).some((option: string) => /^label[:=]disable$/.test(option))) return [];
      return (keys.volumes ?? [])
        .filter(
          (mount: { type?: string; source?: string; bind?: { selinux?: string } }) =>
            mount.type === 'bind' &&
            !mount.bind?.selinux &&
            !/^\/(dev|proc|sys|var\/run|run)(\/|$)/.test(mount.source ?? ''),
        )
        .map(({ source, target }: { source: string; target: string }) => ({
          message: `${facts.shown(source)} is mounted into "${name}" without an SELinux label`,
          next: `add :z to the mount of ${target}      (:Z where no other container uses it)`,
          service: name,
          ...placeOfItem(facts.reading, name, 'volumes', 'target', target),
        }));
    });
  },
});
