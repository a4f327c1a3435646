/* FMI 3.0 for co-simulation around one cell. Sources of ionbridge (Apache-2.0). */

#include <stdio.h>
#include <stdlib.h>

#include "cell.h"
#include "fmi3Functions.h"

typedef struct {
  Cell cell;
  fmi3InstanceEnvironment environment;
  fmi3LogMessageCallback logger;
} Instance;

static fmi3Status report(Instance *instance, fmi3Status status, const char *message) {
  if (instance->logger)
    instance->logger(instance->environment, status, status == fmi3Error ? "logStatusError" : "logStatusWarning", message);
  return status;
}

const char *fmi3GetVersion(void) { return fmi3Version; }

fmi3Status fmi3SetDebugLogging(fmi3Instance instance, fmi3Boolean on, size_t n, const fmi3String categories[]) {
  (void) instance, (void) on, (void) n, (void) categories;
  return fmi3OK;
}

fmi3Instance fmi3InstantiateCoSimulation(fmi3String name, fmi3String token, fmi3String resources, fmi3Boolean visible,
                                         fmi3Boolean logging, fmi3Boolean events, fmi3Boolean early_return,
                                         const fmi3ValueReference intermediate[], size_t n_intermediate,
                                         fmi3InstanceEnvironment environment, fmi3LogMessageCallback logger,
                                         fmi3IntermediateUpdateCallback update) {
  Instance *instance;
  (void) name, (void) resources, (void) visible, (void) logging, (void) events, (void) early_return;
  (void) intermediate, (void) n_intermediate, (void) update;
  if (!token || strcmp(token, MODEL_GUID) != 0) {
    if (logger)
      logger(environment, fmi3Error, "logStatusError", "the instantiation token is not that of modelDescription.xml");
    return NULL;
  }
  instance = (Instance *) calloc(1, sizeof(Instance));
  if (!instance) return NULL;
  cell_reset(&instance->cell);
  instance->environment = environment;
  instance->logger = logger;
  return instance;
}

void fmi3FreeInstance(fmi3Instance instance) { free(instance); }

fmi3Status fmi3EnterInitializationMode(fmi3Instance instance, fmi3Boolean has_tolerance, fmi3Float64 tolerance,
                                       fmi3Float64 start, fmi3Boolean has_stop, fmi3Float64 stop) {
  (void) has_tolerance, (void) tolerance, (void) has_stop, (void) stop;
  ((Instance *) instance)->cell.time = start;
  return fmi3OK;
}

fmi3Status fmi3ExitInitializationMode(fmi3Instance instance) {
  Instance *own = (Instance *) instance;
  cell_begin(&own->cell);
  own->cell.is_initialised = 1;
  if (!cell_is_finite(own->cell.output, N_OUTPUTS))
    return report(own, fmi3Error, "the outputs at the beginning are not finite; check parameters and inputs");
  return fmi3OK;
}

fmi3Status fmi3EnterStepMode(fmi3Instance instance) {
  (void) instance;
  return fmi3OK;
}

fmi3Status fmi3Terminate(fmi3Instance instance) {
  (void) instance;
  return fmi3OK;
}

fmi3Status fmi3Reset(fmi3Instance instance) {
  cell_reset(&((Instance *) instance)->cell);
  return fmi3OK;
}

fmi3Status fmi3GetFloat64(fmi3Instance instance, const fmi3ValueReference vr[], size_t n, fmi3Float64 value[],
                          size_t n_values) {
  Instance *own = (Instance *) instance;
  (void) n_values;
  if (!own->cell.is_initialised) cell_begin(&own->cell);
  for (size_t i = 0; i < n; ++i) {
    const double *variable = vr[i] == 0 ? &own->cell.time : cell_variable(&own->cell, vr[i]);
    if (!variable) return report(own, fmi3Error, "fmi3GetFloat64: there is no real variable of this reference");
    value[i] = *variable;
  }
  return fmi3OK;
}

fmi3Status fmi3SetFloat64(fmi3Instance instance, const fmi3ValueReference vr[], size_t n, const fmi3Float64 value[],
                          size_t n_values) {
  Instance *own = (Instance *) instance;
  (void) n_values;
  for (size_t i = 0; i < n; ++i) {
    double *variable = cell_variable(&own->cell, vr[i]);
    if (!variable || !cell_may_be_set(&own->cell, vr[i]))
      return report(own, fmi3Error,
                    "fmi3SetFloat64: only inputs can be set, and before the end of initialization parameters");
    if (!isfinite(value[i])) return report(own, fmi3Error, "fmi3SetFloat64: values must be finite");
    *variable = value[i];
  }
  return fmi3OK;
}

fmi3Status fmi3GetBoolean(fmi3Instance instance, const fmi3ValueReference vr[], size_t n, fmi3Boolean value[],
                          size_t n_values) {
  Instance *own = (Instance *) instance;
  (void) n_values;
  if (!own->cell.is_initialised) cell_begin(&own->cell);
  for (size_t i = 0; i < n; ++i) {
    const double *variable = cell_variable(&own->cell, vr[i]);
    if (vr[i] == STOP) {
      value[i] = own->cell.stops != 0;
    } else if (variable) {
      value[i] = *variable > 0.5;
    } else {
      return report(own, fmi3Error, "fmi3GetBoolean: there is no boolean variable of this reference");
    }
  }
  return fmi3OK;
}

fmi3Status fmi3SetBoolean(fmi3Instance instance, const fmi3ValueReference vr[], size_t n, const fmi3Boolean value[],
                          size_t n_values) {
  Instance *own = (Instance *) instance;
  (void) n_values;
  for (size_t i = 0; i < n; ++i) {
    if (vr[i] != STOP || own->cell.is_initialised)
      return report(own, fmi3Error, "fmi3SetBoolean: there is no boolean variable that can be set now");
    own->cell.stops = value[i] ? 1 : 0;
  }
  return fmi3OK;
}

fmi3Status fmi3DoStep(fmi3Instance instance, fmi3Float64 time, fmi3Float64 duration, fmi3Boolean no_rollback,
                      fmi3Boolean *event_needed, fmi3Boolean *terminates, fmi3Boolean *returned_early,
                      fmi3Float64 *last_time) {
  Instance *own = (Instance *) instance;
  char text[200];
  (void) no_rollback;
  *event_needed = *terminates = *returned_early = false;
  *last_time = time;
  if (!(duration >= 0.0)) return report(own, fmi3Error, "fmi3DoStep: the step size must not be negative");
  own->cell.time = time;
  switch (cell_advance(&own->cell, duration)) {
    case STEP_FAILED:
      snprintf(text, sizeof(text), "the step from %g s by %g s gives values that are not finite", time, duration);
      return report(own, fmi3Error, text);
    case STEP_STOPPED:
      snprintf(text, sizeof(text), "stopped at %g s: %s", own->cell.time, STOP_REASON);
      report(own, fmi3Warning, text);
      *terminates = true;
      break;
    default:
      break;
  }
  *last_time = own->cell.time;
  return fmi3OK;
}

fmi3Status fmi3UpdateDiscreteStates(fmi3Instance instance, fmi3Boolean *again, fmi3Boolean *terminates,
                                    fmi3Boolean *nominals_changed, fmi3Boolean *values_changed,
                                    fmi3Boolean *event_is_known, fmi3Float64 *event_time) {
  (void) instance, (void) event_time;
  *again = *terminates = *nominals_changed = *values_changed = *event_is_known = false;
  return fmi3OK;
}

fmi3Status fmi3GetFMUState(fmi3Instance instance, fmi3FMUState *state) {
  if (!*state) *state = malloc(sizeof(Cell));
  if (!*state) return report((Instance *) instance, fmi3Error, "there is no memory for a copy of the state");
  memcpy(*state, &((Instance *) instance)->cell, sizeof(Cell));
  return fmi3OK;
}

fmi3Status fmi3SetFMUState(fmi3Instance instance, fmi3FMUState state) {
  memcpy(&((Instance *) instance)->cell, state, sizeof(Cell));
  return fmi3OK;
}

fmi3Status fmi3FreeFMUState(fmi3Instance instance, fmi3FMUState *state) {
  (void) instance;
  free(*state);
  *state = NULL;
  return fmi3OK;
}

fmi3Status fmi3SerializedFMUStateSize(fmi3Instance instance, fmi3FMUState state, size_t *size) {
  (void) instance, (void) state;
  *size = sizeof(Cell);
  return fmi3OK;
}

fmi3Status fmi3SerializeFMUState(fmi3Instance instance, fmi3FMUState state, fmi3Byte bytes[], size_t size) {
  if (size < sizeof(Cell)) return report((Instance *) instance, fmi3Error, "the buffer for the state is too small");
  memcpy(bytes, state, sizeof(Cell));
  return fmi3OK;
}

fmi3Status fmi3DeserializeFMUState(fmi3Instance instance, const fmi3Byte bytes[], size_t size, fmi3FMUState *state) {
  if (size != sizeof(Cell)) return report((Instance *) instance, fmi3Error, "this is not a state of this FMU");
  if (!*state) *state = malloc(sizeof(Cell));
  if (!*state) return report((Instance *) instance, fmi3Error, "there is no memory for a copy of the state");
  memcpy(*state, bytes, sizeof(Cell));
  return fmi3OK;
}

/* What the interface demands and a cell does not have: other kinds of simulation, types, clocks, derivatives. */

static fmi3Status not_offered(Instance *instance, const char *function) {
  char text[120];
  snprintf(text, sizeof(text), "%s is not offered by this FMU", function);
  return report(instance, fmi3Error, text);
}

fmi3Instance fmi3InstantiateModelExchange(fmi3String instanceName, fmi3String instantiationToken, fmi3String
    resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn, fmi3InstanceEnvironment instanceEnvironment,
    fmi3LogMessageCallback logMessage) {
    (void) instanceName, (void) instantiationToken, (void) resourcePath, (void) visible, (void) loggingOn, (void)
      instanceEnvironment, (void) logMessage;
  return NULL;
}

fmi3Instance fmi3InstantiateScheduledExecution(fmi3String instanceName, fmi3String instantiationToken, fmi3String
    resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn, fmi3InstanceEnvironment instanceEnvironment,
    fmi3LogMessageCallback logMessage, fmi3ClockUpdateCallback clockUpdate, fmi3LockPreemptionCallback
    lockPreemption, fmi3UnlockPreemptionCallback unlockPreemption) {
    (void) instanceName, (void) instantiationToken, (void) resourcePath, (void) visible, (void) loggingOn, (void)
      instanceEnvironment, (void) logMessage, (void) clockUpdate, (void) lockPreemption, (void) unlockPreemption;
  return NULL;
}

fmi3Status fmi3EnterEventMode(fmi3Instance instance) {
  return not_offered((Instance *) instance, "fmi3EnterEventMode");
}

fmi3Status fmi3GetFloat32(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, fmi3Float32 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetFloat32");
}

fmi3Status fmi3GetInt8(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    fmi3Int8 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetInt8");
}

fmi3Status fmi3GetUInt8(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    fmi3UInt8 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetUInt8");
}

fmi3Status fmi3GetInt16(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    fmi3Int16 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetInt16");
}

fmi3Status fmi3GetUInt16(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    fmi3UInt16 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetUInt16");
}

fmi3Status fmi3GetInt32(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    fmi3Int32 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetInt32");
}

fmi3Status fmi3GetUInt32(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    fmi3UInt32 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetUInt32");
}

fmi3Status fmi3GetInt64(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    fmi3Int64 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetInt64");
}

fmi3Status fmi3GetUInt64(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    fmi3UInt64 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetUInt64");
}

fmi3Status fmi3GetString(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    fmi3String values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetString");
}

fmi3Status fmi3GetBinary(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    size_t valueSizes[], fmi3Binary values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) valueSizes, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetBinary");
}

fmi3Status fmi3GetClock(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    fmi3Clock values[]) {
  (void) valueReferences, (void) nValueReferences, (void) values;
  return not_offered((Instance *) instance, "fmi3GetClock");
}

fmi3Status fmi3SetFloat32(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, const fmi3Float32 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetFloat32");
}

fmi3Status fmi3SetInt8(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const fmi3Int8 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetInt8");
}

fmi3Status fmi3SetUInt8(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const fmi3UInt8 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetUInt8");
}

fmi3Status fmi3SetInt16(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const fmi3Int16 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetInt16");
}

fmi3Status fmi3SetUInt16(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const fmi3UInt16 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetUInt16");
}

fmi3Status fmi3SetInt32(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const fmi3Int32 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetInt32");
}

fmi3Status fmi3SetUInt32(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const fmi3UInt32 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetUInt32");
}

fmi3Status fmi3SetInt64(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const fmi3Int64 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetInt64");
}

fmi3Status fmi3SetUInt64(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const fmi3UInt64 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetUInt64");
}

fmi3Status fmi3SetString(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const fmi3String values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetString");
}

fmi3Status fmi3SetBinary(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const size_t valueSizes[], const fmi3Binary values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) valueSizes, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3SetBinary");
}

fmi3Status fmi3SetClock(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t nValueReferences,
    const fmi3Clock values[]) {
  (void) valueReferences, (void) nValueReferences, (void) values;
  return not_offered((Instance *) instance, "fmi3SetClock");
}

fmi3Status fmi3GetNumberOfVariableDependencies(fmi3Instance instance, fmi3ValueReference valueReference, size_t*
    nDependencies) {
  (void) valueReference, (void) nDependencies;
  return not_offered((Instance *) instance, "fmi3GetNumberOfVariableDependencies");
}

fmi3Status fmi3GetVariableDependencies(fmi3Instance instance, fmi3ValueReference dependent, size_t
    elementIndicesOfDependent[], fmi3ValueReference independents[], size_t elementIndicesOfIndependents[],
    fmi3DependencyKind dependencyKinds[], size_t nDependencies) {
    (void) dependent, (void) elementIndicesOfDependent, (void) independents, (void) elementIndicesOfIndependents,
      (void) dependencyKinds, (void) nDependencies;
  return not_offered((Instance *) instance, "fmi3GetVariableDependencies");
}

fmi3Status fmi3GetDirectionalDerivative(fmi3Instance instance, const fmi3ValueReference unknowns[], size_t
    nUnknowns, const fmi3ValueReference knowns[], size_t nKnowns, const fmi3Float64 seed[], size_t nSeed,
    fmi3Float64 sensitivity[], size_t nSensitivity) {
    (void) unknowns, (void) nUnknowns, (void) knowns, (void) nKnowns, (void) seed, (void) nSeed, (void) sensitivity,
      (void) nSensitivity;
  return not_offered((Instance *) instance, "fmi3GetDirectionalDerivative");
}

fmi3Status fmi3GetAdjointDerivative(fmi3Instance instance, const fmi3ValueReference unknowns[], size_t nUnknowns,
    const fmi3ValueReference knowns[], size_t nKnowns, const fmi3Float64 seed[], size_t nSeed, fmi3Float64
    sensitivity[], size_t nSensitivity) {
    (void) unknowns, (void) nUnknowns, (void) knowns, (void) nKnowns, (void) seed, (void) nSeed, (void) sensitivity,
      (void) nSensitivity;
  return not_offered((Instance *) instance, "fmi3GetAdjointDerivative");
}

fmi3Status fmi3EnterConfigurationMode(fmi3Instance instance) {
  return not_offered((Instance *) instance, "fmi3EnterConfigurationMode");
}

fmi3Status fmi3ExitConfigurationMode(fmi3Instance instance) {
  return not_offered((Instance *) instance, "fmi3ExitConfigurationMode");
}

fmi3Status fmi3GetIntervalDecimal(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, fmi3Float64 intervals[], fmi3IntervalQualifier qualifiers[]) {
  (void) valueReferences, (void) nValueReferences, (void) intervals, (void) qualifiers;
  return not_offered((Instance *) instance, "fmi3GetIntervalDecimal");
}

fmi3Status fmi3GetIntervalFraction(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, fmi3UInt64 counters[], fmi3UInt64 resolutions[], fmi3IntervalQualifier qualifiers[]) {
  (void) valueReferences, (void) nValueReferences, (void) counters, (void) resolutions, (void) qualifiers;
  return not_offered((Instance *) instance, "fmi3GetIntervalFraction");
}

fmi3Status fmi3GetShiftDecimal(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, fmi3Float64 shifts[]) {
  (void) valueReferences, (void) nValueReferences, (void) shifts;
  return not_offered((Instance *) instance, "fmi3GetShiftDecimal");
}

fmi3Status fmi3GetShiftFraction(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, fmi3UInt64 counters[], fmi3UInt64 resolutions[]) {
  (void) valueReferences, (void) nValueReferences, (void) counters, (void) resolutions;
  return not_offered((Instance *) instance, "fmi3GetShiftFraction");
}

fmi3Status fmi3SetIntervalDecimal(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, const fmi3Float64 intervals[]) {
  (void) valueReferences, (void) nValueReferences, (void) intervals;
  return not_offered((Instance *) instance, "fmi3SetIntervalDecimal");
}

fmi3Status fmi3SetIntervalFraction(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, const fmi3UInt64 counters[], const fmi3UInt64 resolutions[]) {
  (void) valueReferences, (void) nValueReferences, (void) counters, (void) resolutions;
  return not_offered((Instance *) instance, "fmi3SetIntervalFraction");
}

fmi3Status fmi3SetShiftDecimal(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, const fmi3Float64 shifts[]) {
  (void) valueReferences, (void) nValueReferences, (void) shifts;
  return not_offered((Instance *) instance, "fmi3SetShiftDecimal");
}

fmi3Status fmi3SetShiftFraction(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, const fmi3UInt64 counters[], const fmi3UInt64 resolutions[]) {
  (void) valueReferences, (void) nValueReferences, (void) counters, (void) resolutions;
  return not_offered((Instance *) instance, "fmi3SetShiftFraction");
}

fmi3Status fmi3EvaluateDiscreteStates(fmi3Instance instance) {
  return not_offered((Instance *) instance, "fmi3EvaluateDiscreteStates");
}

fmi3Status fmi3EnterContinuousTimeMode(fmi3Instance instance) {
  return not_offered((Instance *) instance, "fmi3EnterContinuousTimeMode");
}

fmi3Status fmi3CompletedIntegratorStep(fmi3Instance instance, fmi3Boolean noSetFMUStatePriorToCurrentPoint,
    fmi3Boolean* enterEventMode, fmi3Boolean* terminateSimulation) {
  (void) noSetFMUStatePriorToCurrentPoint, (void) enterEventMode, (void) terminateSimulation;
  return not_offered((Instance *) instance, "fmi3CompletedIntegratorStep");
}

fmi3Status fmi3SetTime(fmi3Instance instance, fmi3Float64 time) {
  (void) time;
  return not_offered((Instance *) instance, "fmi3SetTime");
}

fmi3Status fmi3SetContinuousStates(fmi3Instance instance, const fmi3Float64 continuousStates[], size_t
    nContinuousStates) {
  (void) continuousStates, (void) nContinuousStates;
  return not_offered((Instance *) instance, "fmi3SetContinuousStates");
}

fmi3Status fmi3GetContinuousStateDerivatives(fmi3Instance instance, fmi3Float64 derivatives[], size_t
    nContinuousStates) {
  (void) derivatives, (void) nContinuousStates;
  return not_offered((Instance *) instance, "fmi3GetContinuousStateDerivatives");
}

fmi3Status fmi3GetEventIndicators(fmi3Instance instance, fmi3Float64 eventIndicators[], size_t nEventIndicators) {
  (void) eventIndicators, (void) nEventIndicators;
  return not_offered((Instance *) instance, "fmi3GetEventIndicators");
}

fmi3Status fmi3GetContinuousStates(fmi3Instance instance, fmi3Float64 continuousStates[], size_t nContinuousStates) {
  (void) continuousStates, (void) nContinuousStates;
  return not_offered((Instance *) instance, "fmi3GetContinuousStates");
}

fmi3Status fmi3GetNominalsOfContinuousStates(fmi3Instance instance, fmi3Float64 nominals[], size_t
    nContinuousStates) {
  (void) nominals, (void) nContinuousStates;
  return not_offered((Instance *) instance, "fmi3GetNominalsOfContinuousStates");
}

fmi3Status fmi3GetNumberOfEventIndicators(fmi3Instance instance, size_t* nEventIndicators) {
  (void) nEventIndicators;
  return not_offered((Instance *) instance, "fmi3GetNumberOfEventIndicators");
}

fmi3Status fmi3GetNumberOfContinuousStates(fmi3Instance instance, size_t* nContinuousStates) {
  (void) nContinuousStates;
  return not_offered((Instance *) instance, "fmi3GetNumberOfContinuousStates");
}

fmi3Status fmi3GetOutputDerivatives(fmi3Instance instance, const fmi3ValueReference valueReferences[], size_t
    nValueReferences, const fmi3Int32 orders[], fmi3Float64 values[], size_t nValues) {
  (void) valueReferences, (void) nValueReferences, (void) orders, (void) values, (void) nValues;
  return not_offered((Instance *) instance, "fmi3GetOutputDerivatives");
}

fmi3Status fmi3ActivateModelPartition(fmi3Instance instance, fmi3ValueReference clockReference, fmi3Float64
    activationTime) {
  (void) clockReference, (void) activationTime;
  return not_offered((Instance *) instance, "fmi3ActivateModelPartition");
}
