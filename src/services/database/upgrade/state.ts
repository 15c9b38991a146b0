import { z } from 'zod';
import type { Run } from '../../operation.js';

/** What `recover` needs to finish or revert an upgrade. */
export const upgradeStateSchema = z.object({
  id: z.string(),
  from: z.int(),
  to: z.int(),
  /** True: nothing of it is to stay. */
  rehearse: z.boolean(),
  /** Name of the project that the new server is tried in. */
  trial: z.string(),
  /** The compose file, and what makes the new one of it. */
  file: z.string(),
  edits: z.array(
    z.object({
      path: z.array(z.union([z.string(), z.number()])),
      key: z.boolean().exactOptional(),
      before: z.string(),
      after: z.string(),
    }),
  ),
  /** The engine's names. */
  volume: z.object({ before: z.string(), after: z.string() }),
  /** Where the old server's data lies; absent from an upgrade of an earlier invctl. */
  left: z
    .object({ image: z.string(), target: z.string(), dataDirectory: z.string(), aside: z.array(z.string()) })
    .exactOptional(),
  /** What ran before, the database first. */
  services: z.array(z.string()),
  /** The backup, once there is one. */
  backup: z.string().exactOptional(),
});

export type UpgradeState = z.infer<typeof upgradeStateSchema>;

/** In their order. */
export const UPGRADE_STEPS = ['server', 'backup', 'load', 'smoke', 'switch', 'up'] as const;

export type UpgradeStep = (typeof UPGRADE_STEPS)[number];

export type UpgradeRun = Run<UpgradeState, UpgradeStep>;
