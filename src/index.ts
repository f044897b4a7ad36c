export type { Condition } from '../actors/actor.ts'
export type { Ended } from '../actors/job.ts'
export type { PlanRow } from '../actors/plan/show.ts'
export { type Calendar, type CalendarOptions, type CalendarTerms, calendarOf, type Day, defineCalendar } from './calendar/calendar.ts'
export type { HolidaysOf } from './calendar/holidays.ts'
export { type ChainDefinition, type ChainOptions, defineChain } from './chain/definition.ts'
export { type ChainFacts, type GroupStep, type Outputs, type Step, type StepOptions, step, type WithMaker } from './chain/step.ts'
export type {
  ActorHandle,
  Audit,
  ChainHandle,
  ChainHandles,
  ChainRun,
  Client,
  DeadLetters,
  GroupHandle,
  GroupSubmitOptions,
  JobHandle,
  JobUpdate,
  LettersRefused,
  OpenedLetter,
  PlanHandle,
  Plans,
  ScheduleHandle,
  Schedules,
  SubmitOptions,
  WaitOptions,
  Watch,
  WatchOptions,
} from './client.ts'
export { type Clock, sleep, systemClock } from './clock.ts'
export {
  type Callbacks,
  type Context,
  defineJob,
  type Handler,
  type JobDefinition,
  type JobOptions,
  type MemberOf,
  type MemberResult,
  type WithInput,
} from './definition.ts'
export type { Duration } from './duration.ts'
export {
  ConflictError,
  type ErrorCode,
  IncompleteError,
  type Issue,
  isStellwerkError,
  JobCancelledError,
  JobFailedError,
  NotAllowedError,
  NotFoundError,
  RetryAt,
  StellwerkError,
  SupersededError,
  TerminalError,
  TimeoutError,
  UnavailableError,
  ValidationError,
} from './errors.ts'
export type { Find, View } from './host/api.ts'
export type { Attempt } from './host/attempts.ts'
export type { Change } from './host/changes.ts'
export type { HostEvents, OnHostEvent } from './host/events.ts'
export type { Progress, StateChange } from './host/feed.ts'
export { createHost, type Host } from './host/host.ts'
export type { HostOptions } from './host/host-options.ts'
export type { ShownPlan } from './host/plans.ts'
export type { StuckCount } from './host/stuck.ts'
export type { Letter, LetterOptions, LetterQuery } from './letters.ts'
export { planPicture } from './plan/picture.ts'
export type { RunOptions } from './plan/runs.ts'
export { planTable } from './plan/table.ts'
export type { ScheduleOptions } from './schedule.ts'
export type { Suspended, SuspendOptions } from './suspend.ts'
export type { World } from './world.ts'
