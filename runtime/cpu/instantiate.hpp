// For sources of operators only: instantiates them for every number type.
#pragma once

#define FORERUN_FOR_EACH_NUMBER(INSTANTIATE) \
  INSTANTIATE(double)                        \
  INSTANTIATE(float)                         \
  INSTANTIATE(BFloat16)
