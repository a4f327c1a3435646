/* FMI 2.0 for co-simulation around one cell. Sources of ionbridge (Apache-2.0). */

#include <stdio.h>
#include <stdlib.h>

#include "cell.h"
#include "fmi2Functions.h"

typedef struct {
  Cell cell;
  int was_stopped;
  fmi2ComponentEnvironment environment;
  fmi2CallbackLogger logger;
  fmi2String name;
} Instance;

static fmi2Status report(Instance *instance, fmi2Status status, const char *message) {
  if (instance->logger) {
    const char *category = status == fmi2Error ? "logStatusError" : "logStatusWarning";
    instance->logger(instance->environment, instance->name, status, category, "%s", message);
  }
  return status;
}

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }

fmi2Status fmi2SetDebugLogging(fmi2Component c, fmi2Boolean on, size_t n, const fmi2String categories[]) {
  (void) c, (void) on, (void) n, (void) categories;
  return fmi2OK;
}

fmi2Component fmi2Instantiate(fmi2String name, fmi2Type type, fmi2String guid, fmi2String resources,
                              const fmi2CallbackFunctions *functions, fmi2Boolean visible, fmi2Boolean logging) {
  Instance *instance;
  (void) resources, (void) visible, (void) logging;
  if (type != fmi2CoSimulation || !guid || strcmp(guid, MODEL_GUID) != 0) {
    if (functions && functions->logger)
      functions->logger(functions->componentEnvironment, name, fmi2Error, "logStatusError", "%s",
                        "the FMU is for co-simulation, and its GUID must be that of its modelDescription.xml");
    return NULL;
  }
  instance = (Instance *) calloc(1, sizeof(Instance));
  if (!instance) return NULL;
  cell_reset(&instance->cell);
  instance->logger = functions ? functions->logger : NULL;
  instance->environment = functions ? functions->componentEnvironment : NULL;
  instance->name = MODEL_NAME;
  return instance;
}

void fmi2FreeInstance(fmi2Component c) { free(c); }

fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean has_tolerance, fmi2Real tolerance, fmi2Real start,
                               fmi2Boolean has_stop, fmi2Real stop) {
  (void) has_tolerance, (void) tolerance, (void) has_stop, (void) stop;
  ((Instance *) c)->cell.time = start;
  return fmi2OK;
}

fmi2Status fmi2EnterInitializationMode(fmi2Component c) {
  (void) c;
  return fmi2OK;
}

fmi2Status fmi2ExitInitializationMode(fmi2Component c) {
  Instance *instance = (Instance *) c;
  cell_begin(&instance->cell);
  instance->cell.is_initialised = 1;
  if (!cell_is_finite(instance->cell.output, N_OUTPUTS))
    return report(instance, fmi2Error, "the outputs at the beginning are not finite; check parameters and inputs");
  return fmi2OK;
}

fmi2Status fmi2Terminate(fmi2Component c) {
  (void) c;
  return fmi2OK;
}

fmi2Status fmi2Reset(fmi2Component c) {
  cell_reset(&((Instance *) c)->cell);
  ((Instance *) c)->was_stopped = 0;
  return fmi2OK;
}

fmi2Status fmi2GetReal(fmi2Component c, const fmi2ValueReference vr[], size_t n, fmi2Real value[]) {
  Instance *instance = (Instance *) c;
  if (!instance->cell.is_initialised) cell_begin(&instance->cell);
  for (size_t i = 0; i < n; ++i) {
    const double *variable = cell_variable(&instance->cell, vr[i]);
    if (!variable) return report(instance, fmi2Error, "fmi2GetReal: there is no real variable of this reference");
    value[i] = *variable;
  }
  return fmi2OK;
}

fmi2Status fmi2SetReal(fmi2Component c, const fmi2ValueReference vr[], size_t n, const fmi2Real value[]) {
  Instance *instance = (Instance *) c;
  for (size_t i = 0; i < n; ++i) {
    double *variable = cell_variable(&instance->cell, vr[i]);
    if (!variable || !cell_may_be_set(&instance->cell, vr[i]))
      return report(instance, fmi2Error,
                    "fmi2SetReal: only inputs can be set, and before the end of initialization parameters");
    if (!isfinite(value[i])) return report(instance, fmi2Error, "fmi2SetReal: values must be finite");
    *variable = value[i];
  }
  return fmi2OK;
}

fmi2Status fmi2GetBoolean(fmi2Component c, const fmi2ValueReference vr[], size_t n, fmi2Boolean value[]) {
  Instance *instance = (Instance *) c;
  if (!instance->cell.is_initialised) cell_begin(&instance->cell);
  for (size_t i = 0; i < n; ++i) {
    const double *variable = cell_variable(&instance->cell, vr[i]);
    if (vr[i] == STOP) {
      value[i] = instance->cell.stops ? fmi2True : fmi2False;
    } else if (variable) {
      value[i] = *variable > 0.5 ? fmi2True : fmi2False;
    } else {
      return report(instance, fmi2Error, "fmi2GetBoolean: there is no boolean variable of this reference");
    }
  }
  return fmi2OK;
}

fmi2Status fmi2SetBoolean(fmi2Component c, const fmi2ValueReference vr[], size_t n, const fmi2Boolean value[]) {
  Instance *instance = (Instance *) c;
  for (size_t i = 0; i < n; ++i) {
    if (vr[i] != STOP || instance->cell.is_initialised)
      return report(instance, fmi2Error, "fmi2SetBoolean: there is no boolean variable that can be set now");
    instance->cell.stops = value[i] != fmi2False;
  }
  return fmi2OK;
}

fmi2Status fmi2GetInteger(fmi2Component c, const fmi2ValueReference vr[], size_t n, fmi2Integer value[]) {
  (void) vr, (void) value;
  return n ? report((Instance *) c, fmi2Error, "fmi2GetInteger: there are no integer variables") : fmi2OK;
}

fmi2Status fmi2SetInteger(fmi2Component c, const fmi2ValueReference vr[], size_t n, const fmi2Integer value[]) {
  (void) vr, (void) value;
  return n ? report((Instance *) c, fmi2Error, "fmi2SetInteger: there are no integer variables") : fmi2OK;
}

fmi2Status fmi2GetString(fmi2Component c, const fmi2ValueReference vr[], size_t n, fmi2String value[]) {
  (void) vr, (void) value;
  return n ? report((Instance *) c, fmi2Error, "fmi2GetString: there are no text variables") : fmi2OK;
}

fmi2Status fmi2SetString(fmi2Component c, const fmi2ValueReference vr[], size_t n, const fmi2String value[]) {
  (void) vr, (void) value;
  return n ? report((Instance *) c, fmi2Error, "fmi2SetString: there are no text variables") : fmi2OK;
}

fmi2Status fmi2DoStep(fmi2Component c, fmi2Real time, fmi2Real duration, fmi2Boolean no_rollback) {
  Instance *instance = (Instance *) c;
  char text[200];
  (void) no_rollback;
  if (!(duration >= 0.0)) return report(instance, fmi2Error, "fmi2DoStep: the step size must not be negative");
  instance->cell.time = time;
  switch (cell_advance(&instance->cell, duration)) {
    case STEP_FAILED:
      snprintf(text, sizeof(text), "the step from %g s by %g s gives values that are not finite", time, duration);
      return report(instance, fmi2Error, text);
    case STEP_STOPPED:
      instance->was_stopped = 1;
      snprintf(text, sizeof(text), "stopped at %g s: %s", instance->cell.time, STOP_REASON);
      return report(instance, fmi2Discard, text);
    default:
      return fmi2OK;
  }
}

fmi2Status fmi2CancelStep(fmi2Component c) { return report((Instance *) c, fmi2Error, "a step cannot be cancelled"); }

fmi2Status fmi2GetStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Status *value) {
  (void) c, (void) kind, (void) value;
  return fmi2Discard;
}

fmi2Status fmi2GetRealStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Real *value) {
  if (kind != fmi2LastSuccessfulTime) return fmi2Discard;
  *value = ((Instance *) c)->cell.time;
  return fmi2OK;
}

fmi2Status fmi2GetIntegerStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Integer *value) {
  (void) c, (void) kind, (void) value;
  return fmi2Discard;
}

fmi2Status fmi2GetBooleanStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Boolean *value) {
  if (kind != fmi2Terminated) return fmi2Discard;
  *value = ((Instance *) c)->was_stopped ? fmi2True : fmi2False;
  return fmi2OK;
}

fmi2Status fmi2GetStringStatus(fmi2Component c, const fmi2StatusKind kind, fmi2String *value) {
  (void) c, (void) kind, (void) value;
  return fmi2Discard;
}

fmi2Status fmi2SetRealInputDerivatives(fmi2Component c, const fmi2ValueReference vr[], size_t n,
                                       const fmi2Integer order[], const fmi2Real value[]) {
  (void) vr, (void) n, (void) order, (void) value;
  return report((Instance *) c, fmi2Error, "inputs are held during a step: their derivatives cannot be set");
}

fmi2Status fmi2GetRealOutputDerivatives(fmi2Component c, const fmi2ValueReference vr[], size_t n,
                                        const fmi2Integer order[], fmi2Real value[]) {
  (void) vr, (void) n, (void) order, (void) value;
  return report((Instance *) c, fmi2Error, "derivatives of outputs are not offered");
}

fmi2Status fmi2GetDirectionalDerivative(fmi2Component c, const fmi2ValueReference unknown[], size_t n_unknown,
                                        const fmi2ValueReference known[], size_t n_known, const fmi2Real change[],
                                        fmi2Real value[]) {
  (void) unknown, (void) n_unknown, (void) known, (void) n_known, (void) change, (void) value;
  return report((Instance *) c, fmi2Error, "directional derivatives are not offered");
}

fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *state) {
  if (!*state) *state = malloc(sizeof(Cell));
  if (!*state) return report((Instance *) c, fmi2Error, "there is no memory for a copy of the state");
  memcpy(*state, &((Instance *) c)->cell, sizeof(Cell));
  return fmi2OK;
}

fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate state) {
  memcpy(&((Instance *) c)->cell, state, sizeof(Cell));
  ((Instance *) c)->was_stopped = 0;
  return fmi2OK;
}

fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *state) {
  (void) c;
  free(*state);
  *state = NULL;
  return fmi2OK;
}

fmi2Status fmi2SerializedFMUstateSize(fmi2Component c, fmi2FMUstate state, size_t *size) {
  (void) c, (void) state;
  *size = sizeof(Cell);
  return fmi2OK;
}

fmi2Status fmi2SerializeFMUstate(fmi2Component c, fmi2FMUstate state, fmi2Byte bytes[], size_t size) {
  if (size < sizeof(Cell)) return report((Instance *) c, fmi2Error, "the buffer for the state is too small");
  memcpy(bytes, state, sizeof(Cell));
  return fmi2OK;
}

fmi2Status fmi2DeSerializeFMUstate(fmi2Component c, const fmi2Byte bytes[], size_t size, fmi2FMUstate *state) {
  if (size != sizeof(Cell)) return report((Instance *) c, fmi2Error, "this is not a state of this FMU");
  if (!*state) *state = malloc(sizeof(Cell));
  if (!*state) return report((Instance *) c, fmi2Error, "there is no memory for a copy of the state");
  memcpy(*state, bytes, sizeof(Cell));
  return fmi2OK;
}
