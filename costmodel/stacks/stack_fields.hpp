// The keys of a software stack and of its parts: see base/fields/table.hpp.
#pragma once

#include "base/fields/table.hpp"
#include "costmodel/stacks/stack.hpp"

namespace forerun {

// A file may have one key more, `fitted`: see stack_parameters.hpp.
const fields::Table<Stack>& stack_fields();

const fields::Table<Precision>& precision_fields();
const fields::Table<UpdateRecipe>& update_recipe_fields();
const fields::Table<OverlapAbility>& overlap_ability_fields();
const fields::Table<Reach>& reach_fields();

}  // namespace forerun
