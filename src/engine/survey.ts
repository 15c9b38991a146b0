import type { RunResult } from '../system/process.js';
import type { ServiceStatus } from './service-status.js';

/** The parts of `docker container inspect` that invctl reads (Engine API 1.44). */
export interface ContainerInspect {
  Id: string;
  Name: string;
  RestartCount: number;
  State: {
    Status: string;
    ExitCode: number;
    OOMKilled: boolean;
    StartedAt: string;
    FinishedAt: string;
    Health?: { Status: string; Log?: { ExitCode: number; Output: string }[] | null };
  };
  Config: { Labels: Record<string, string> | null; Image: string; Env?: string[] | null };
  HostConfig: { RestartPolicy?: { Name: string } };
  NetworkSettings: { Ports?: Record<string, { HostIp: string; HostPort: string }[] | null> | null };
  Mounts: { Type: string; Name?: string; Source: string; Destination: string; RW: boolean }[];
}

/** A container of the project, with all fields that a diagnosis reads (Engine API 1.44). */
export interface SurveyedContainer extends ContainerInspect {
  Created: string;
  /** Id of the image that it was made from. */
  Image: string;
  State: ContainerInspect['State'] & { Error: string; Health?: ContainerHealth };
  Config: ContainerInspect['Config'] & { User: string };
  HostConfig: ContainerInspect['HostConfig'] & { Memory: number };
  NetworkSettings: ContainerInspect['NetworkSettings'] & { Networks: Record<string, unknown> | null };
}

interface ContainerHealth {
  Status: string;
  FailingStreak: number;
  Log: { Start: string; ExitCode: number; Output: string }[] | null;
}

/** Any container of the engine, in the listing of `docker ps`. */
export interface ListedContainer {
  id: string;
  name: string;
  /** Docker's name of the state: `running`, `exited`, … */
  state: string;
  project?: string;
  service?: string;
  /** Whether it is a container of `docker compose run`. */
  oneOff: boolean;
  /** Published ports of this machine. */
  ports: { host: string; port: number }[];
}

export interface SurveyedImage {
  Id: string;
  RepoTags: string[] | null;
  Config: {
    User?: string;
    Env?: string[] | null;
    WorkingDir?: string;
    ExposedPorts?: Record<string, unknown> | null;
    Healthcheck?: { Test?: string[] } | null;
  };
}

export interface SurveyedNetwork {
  Name: string;
  Labels: Record<string, string> | null;
  IPAM?: { Config?: { Subnet?: string }[] | null };
}

export interface SurveyedVolume {
  Name: string;
  Driver: string;
  Labels: Record<string, string> | null;
  Mountpoint: string;
}

export interface DockerInfo {
  /** The engine's clock, ISO. */
  SystemTime?: string;
  DockerRootDir?: string;
  SecurityOptions?: string[] | null;
  DefaultAddressPools?: { Base: string; Size: number }[] | null;
}

export interface DockerVersions {
  client: string;
  server: string;
  /** Undefined: Compose v2 is missing. */
  compose?: string;
}

/**
 * Facts of a Docker engine about a project, read only. It makes one engine call for each kind of fact, when
 * the fact is first requested.
 */
export interface DockerSurvey {
  /** @throws UserError with exit code 3 if the engine does not answer. */
  versions(): Promise<DockerVersions>;
  info(): Promise<DockerInfo>;
  /** Runs `docker compose config` and returns the project in Compose's JSON, or Compose's complaint. */
  config(): Promise<{ json: unknown } | { complaint: string }>;
  /** Every container of the engine. */
  listed(): Promise<ListedContainer[]>;
  /** The project's containers, without one-off ones. */
  containers(): Promise<SurveyedContainer[]>;
  /** The containers of a service, newest first. */
  containersOf(service: string): Promise<SurveyedContainer[]>;
  /** Status of every service that has a container. */
  status(): Promise<ServiceStatus[]>;
  /** Returns the images of these names that the engine has, by id and by each requested name. */
  images(names: readonly string[]): Promise<Map<string, SurveyedImage>>;
  networks(): Promise<SurveyedNetwork[]>;
  /** All volumes of the engine. */
  volumes(): Promise<SurveyedVolume[]>;
  /** The last lines of a container's output, oldest first. */
  logs(containerId: string, tail: number): Promise<string[]>;
  /** Output of a container's first `milliseconds`, oldest first: at most the last `tail` lines of it. */
  firstLogs(container: SurveyedContainer, milliseconds: number, tail: number): Promise<string[]>;
  /** Instructions of an image's layers, oldest first. */
  history(image: string): Promise<string[]>;
  /** Whether a running or stopped container has this file in its own layers or mounts. */
  hasFile(containerId: string, path: string): Promise<boolean>;
  /** Runs a program in a running container, with `input` as its standard input. */
  exec(containerId: string, command: readonly string[], input?: string, user?: string): Promise<RunResult>;
}
