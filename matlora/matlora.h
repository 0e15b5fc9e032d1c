// The library's face: base models and adapters from disk, training, sweeps over ranks and their
// reports, generation. examples/ shows each in a few lines.
//
// What a user can put right throws UserError, and FieldError where it is the value of one setting;
// a BugError is ours, or a broken promise of the caller's (base/error.h).
#pragma once

#include "matlora/adapter/attach.h"
#include "matlora/adapter/bank.h"
#include "matlora/adapter/compress.h"
#include "matlora/adapter/gate.h"
#include "matlora/base/error.h"
#include "matlora/base/version.h"
#include "matlora/data/examples.h"
#include "matlora/data/prompts.h"
#include "matlora/eval/measures.h"
#include "matlora/eval/sweep.h"
#include "matlora/generate/decode.h"
#include "matlora/model/adapter_for.h"
#include "matlora/model/adapter_io.h"
#include "matlora/model/load.h"
#include "matlora/report/report.h"
#include "matlora/text/token_stream.h"
#include "matlora/train/checkpoint.h"
#include "matlora/train/trainer.h"
