/* One simulated cell: its variables, its beginning and its step. The interfaces in fmi2.c and fmi3.c call this.
   The step itself, its constants and the numbers of variables are in model.h, which ionbridge writes.
   Sources of ionbridge (Apache-2.0). */

#ifndef IONBRIDGE_CELL_H
#define IONBRIDGE_CELL_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "model.h"

/* value references: the thousands say what a variable is, the rest is its number */
enum { INPUT = 1000, OUTPUT = 2000, PARAMETER = 3000, STATE = 4000, CURRENT_SIGN = 5000, STOP = 5001 };

typedef enum { STEP_DONE, STEP_STOPPED, STEP_FAILED } StepResult;

typedef struct {
  double input[N_INPUTS];
  double output[N_OUTPUTS];
  double parameter[N_PARAMETERS];
  double state[N_STATES];
  double current_sign;
  int stops; /* whether leaving the limits ends the simulation */
  int is_initialised;
  double time;
} Cell;

static void cell_reset(Cell *cell) {
  memset(cell, 0, sizeof(Cell));
  memcpy(cell->input, INPUT_START, sizeof(cell->input));
  memcpy(cell->parameter, PARAMETER_START, sizeof(cell->parameter));
  cell->current_sign = 1.0;
}

/* inputs as the step takes them: positive current charges */
static void cell_inputs(const Cell *cell, double *input) {
  for (int i = 0; i < N_INPUTS; ++i) input[i] = cell->input[i] * (INPUT_IS_CURRENT[i] ? cell->current_sign : 1.0);
}

/* state from the parameters, and outputs of the first moment */
static void cell_begin(Cell *cell) {
  double input[N_INPUTS], unchanged[N_STATES];
  const double no_time = 0.0;
  cell_inputs(cell, input);
  cell_initial(cell->parameter, cell->state);
  cell_step(cell->state, input, &no_time, unchanged, cell->output);
}

static int cell_is_finite(const double *values, int n) {
  for (int i = 0; i < n; ++i)
    if (!isfinite(values[i])) return 0;
  return 1;
}

/* one communication step; where it fails the cell stays as it was */
static StepResult cell_advance(Cell *cell, double duration) {
  double input[N_INPUTS], state[N_STATES], output[N_OUTPUTS];
  double count = duration > MAX_STEP ? ceil(duration / MAX_STEP - 1e-9) : 1.0;
  const double part = duration / count;
  cell_inputs(cell, input);
  memcpy(state, cell->state, sizeof(state));
  for (; count > 0.5; count -= 1.0) {
    double next[N_STATES];
    cell_step(state, input, &part, next, output);
    memcpy(state, next, sizeof(state));
  }
  if (!cell_is_finite(state, N_STATES) || !cell_is_finite(output, N_OUTPUTS)) return STEP_FAILED;
  memcpy(cell->state, state, sizeof(state));
  memcpy(cell->output, output, sizeof(output));
  cell->time += duration;
  return cell->stops && STOP_OUTPUT >= 0 && output[STOP_OUTPUT < 0 ? 0 : STOP_OUTPUT] < 0.5 ? STEP_STOPPED : STEP_DONE;
}

/* where a variable is kept; NULL where there is none of this reference */
static double *cell_variable(Cell *cell, unsigned int reference) {
  const unsigned int kind = reference / 1000 * 1000, i = reference % 1000;
  if (reference == CURRENT_SIGN) return &cell->current_sign;
  if (kind == INPUT && i < N_INPUTS) return &cell->input[i];
  if (kind == OUTPUT && i < N_OUTPUTS) return &cell->output[i];
  if (kind == PARAMETER && i < N_PARAMETERS) return &cell->parameter[i];
  if (kind == STATE && i < N_STATES) return &cell->state[i];
  return NULL;
}

static int cell_may_be_set(const Cell *cell, unsigned int reference) {
  const unsigned int kind = reference / 1000 * 1000;
  return kind == INPUT || (!cell->is_initialised && (kind == PARAMETER || reference == CURRENT_SIGN));
}

#endif
