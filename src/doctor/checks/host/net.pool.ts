import { BlockList, isIPv4 } from 'node:net';
import { mapAt, plain } from '../../../project/tree.js';
import { defineCheck, type Finding } from '../../check.js';
import { placeOf } from '../../reading.js';

/** The engine's default pools of subnets (moby, libnetwork/ipamutils): 31 networks in all. */
const DEFAULT_POOLS = [
  ...Array.from({ length: 15 }, (_, index) => ({ Base: `172.${17 + index}.0.0/16`, Size: 16 })),
  { Base: '192.168.0.0/16', Size: 20 },
];

export const check = defineCheck({
  id: 'net.pool',
  chapter: 'host',
  title: 'no address range is left for a network',
  severity: 'fail',
  needs: ['config', 'docker'],
  why: 'Compose cannot make the network, and so starts nothing.',
  docs: `Each network takes a range out of the engine's pools, 31 by default. \`docker network ls\` shows who has them; \`docker network prune\` removes the unused ones. More ranges: \`default-address-pools\` in \`/etc/docker/daemon.json\`. A \`subnet:\` of the compose file must not overlap with one that is there.`,
  async probe(facts) {
    const [networks, { DefaultAddressPools: pools }] = await Promise.all([
      facts.docker.networks(),
      facts.docker.info(),
    ]);
    const taken = networks.flatMap(({ Name, IPAM }) =>
      (IPAM?.Config ?? []).flatMap(({ Subnet }) => (Subnet ? [{ name: Name, subnet: Subnet }] : [])),
    );
    const findings: Finding[] = [];
    let needed = 0;
    for (const [key, { name, external }] of Object.entries(facts.project.networks)) {
      if (external || networks.some(({ Name }) => Name === name)) continue;
      const subnets = ownSubnets(plain(mapAt(facts.reading.loaded?.tree, 'networks', key) ?? placeless));
      if (subnets.length === 0) needed += 1;
      for (const subnet of subnets) {
        const clash = taken.find((one) => overlaps(one.subnet, subnet));
        if (!clash) continue;
        findings.push({
          message: `the subnet ${subnet} of the network "${key}" overlaps with that of ${clash.name} (${clash.subnet})`,
          next: `choose another subnet, or: docker network rm ${clash.name}`,
          ...placeOf(facts.reading, 'networks', key),
        });
      }
    }
    const free = countFree(
      pools?.length ? pools : DEFAULT_POOLS,
      taken.map(({ subnet }) => subnet),
      needed,
    );
    if (free < needed) {
      findings.push({
        message: `the engine has ${free} address ranges left, and the project needs ${needed} for its networks`,
        next: 'docker network prune      (removes networks that no container uses)',
      });
    }
    return findings;
  },
});

const placeless = { kind: 'map' as const, entries: new Map(), at: { file: '', line: 0 } };

function ownSubnets(network: unknown): string[] {
  const config = (network as { ipam?: { config?: { subnet?: string }[] } } | null)?.ipam?.config ?? [];
  return config.flatMap(({ subnet }) => (subnet ? [subnet] : []));
}

/** How many ranges of the pools are free; stops counting when there are enough. */
export function countFree(
  pools: readonly { Base: string; Size: number }[],
  taken: readonly string[],
  needed: number,
): number {
  let free = 0;
  for (const { Base, Size } of pools) {
    const [base = '', prefix = ''] = Base.split('/');
    if (!isIPv4(base)) continue;
    const first = toNumber(base);
    const step = 2 ** (32 - Size);
    for (let index = 0; index < 2 ** (Size - Number(prefix)); index += 1) {
      if (free >= needed) return free;
      const subnet = `${toAddress(first + index * step)}/${Size}`;
      if (!taken.some((one) => overlaps(one, subnet))) free += 1;
    }
  }
  return free;
}

function overlaps(a: string, b: string): boolean {
  const [addressA = '', prefixA = ''] = a.split('/');
  const [addressB = '', prefixB = ''] = b.split('/');
  if (!isIPv4(addressA) || !isIPv4(addressB)) return false;
  const contains = (network: string, prefix: string, address: string) => {
    const list = new BlockList();
    list.addSubnet(network, Number(prefix));
    return list.check(address);
  };
  return contains(addressA, prefixA, addressB) || contains(addressB, prefixB, addressA);
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
