// Does one table read, write, explain and change a value, and say what is wrong with it?
#include "base/fields/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/name_or_path.hpp"

namespace forerun::fields {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

enum class Colour : std::uint8_t { red, green };
std::string_view to_string(Colour colour) { return colour == Colour::red ? "red" : "green"; }

struct Wheel {
  int size = 0;
  std::optional<double> pressure;

  bool operator==(const Wheel&) const = default;
};

struct Engine {
  bool turbo = false;
  Watts power;

  bool operator==(const Engine&) const = default;
};

struct Car {
  std::string name;
  int doors = 4;
  Colour colour = Colour::red;
  double weight = 1.5;
  std::vector<Wheel> wheels;
  Engine engine;
  int seats = 5;
  Bytes log{1024};
  int towed = 0;  // 0: not said

  bool operator==(const Car&) const = default;
};

const Table<Wheel>& wheel_fields() {
  static const Table<Wheel> table = Table<Wheel>()
                                        .required("size", &Wheel::size, integer(1, 30), "inches")
                                        .usual("pressure", &Wheel::pressure, maybe(number(0, 10)), "bar")
                                        .otherwise("flat");
  return table;
}

const Table<Engine>& engine_fields() {
  static const Table<Engine> table = Table<Engine>()
                                         .rare("turbo", &Engine::turbo, flag(), "has a compressor")
                                         .required("power", &Engine::power, positive<Watts>(), "at the shaft")
                                         .only([](const Engine& engine) { return engine.turbo; },
                                               [](const Engine&) { return "an engine without turbo"; }, "turbo: true");
  return table;
}

const Table<Car>& car_fields() {
  static const Table<Car> table =
      Table<Car>()
          .required("name", &Car::name, text(), "as its owner calls it")
          .says([](const Car& car) { return car.name; })
          .usual("doors", &Car::doors, integer(2, 5), "all of them")
          .says([](const Car& car) { return ", " + std::to_string(car.doors) + " doors"; })
          .usual("colour", &Car::colour, choice<Colour>({Colour::red, Colour::green}), "of the body")
          .rare("weight", &Car::weight, number(0.5, 3), "tonnes")
          .usual("wheels", &Car::wheels, list(nested(wheel_fields())), "from the left front")
          .rare("engine", &Car::engine, nested(engine_fields()), "under the bonnet")
          .usual("seats", &Car::seats, integer(1, 9), "with belts")
          .otherwise("one more than doors", [](Car& car) { car.seats = car.doors + 1; })
          .rare("towed", &Car::towed, integer_or_unset(3500), "kilograms behind it")
          .otherwise("what the law says")
          .rare("log", &Car::log, quantity<Bytes>(), "of its computer")
          .checked([](const Car& car, MapReader& map) {
            if (const auto doors = map.optional("doors"); doors && car.seats < car.doors)
              doors->report("more doors than seats");
          });
  return table;
}

struct Read {
  Car car;
  std::string problems;
};

Read read(const std::string& text) {
  const auto document = YamlDocument::parse(text, "car.yaml");
  if (!document) return {{}, to_string(document.error())};
  Car car = car_fields().read(document->root());
  return {std::move(car), to_string(document->problems())};
}

const Car all{.name = "null",  // a text, not nothing
              .doors = 2,
              .colour = Colour::green,
              .weight = 1.1,
              .wheels = {{.size = 17, .pressure = 2.5}, {.size = 18}},
              .engine = {.turbo = true, .power = Watts{90e3}},
              .seats = 4,
              .log = Bytes{0x1p30}};

TEST(AFieldTable, WritesUsualKeysAndRareOnesThatAreNotAsTheyMostlyAre) {
  EXPECT_EQ(flow_yaml(car_fields().write({.name = "mini"})),
            "{name: mini, doors: 4, colour: red, wheels: [], seats: 5}");
  EXPECT_EQ(flow_yaml(car_fields().write(all)),
            R"({name: "null", doors: 2, colour: green, weight: 1.1, wheels: [{size: 17, pressure: 2.5}, {size: 18}], )"
            "engine: {turbo: true, power: 90 kW}, seats: 4, log: 1 GiB}");
}

TEST(AFieldTable, WritesEveryKeyWhereItIsAsked) {
  EXPECT_EQ(flow_yaml(car_fields().write({.name = "mini", .wheels = {{.size = 15}}}, Defaults::written)),
            "{name: mini, doors: 4, colour: red, weight: 1.5, wheels: [{size: 15, pressure: null}], "
            "engine: {turbo: false}, seats: 5, towed: null, log: 1 KiB}");
}

TEST(AFieldTable, ReadsBackWhatItWrote) {
  for (const Defaults rare : {Defaults::left_out, Defaults::written}) {
    for (const std::string& text :
         {flow_yaml(car_fields().write(all, rare)), block_yaml(car_fields().write(all, rare))}) {
      const auto [car, problems] = read(text);
      EXPECT_EQ(problems, "");
      EXPECT_EQ(car, all) << text;
    }
  }
}

TEST(AFieldTable, WritesOverSeveralLinesWhatHoldsMaps) {
  EXPECT_EQ(
      block_yaml(car_fields().write(all)),
      "name: \"null\"\ndoors: 2\ncolour: green\nweight: 1.1\nwheels:\n  - {size: 17, pressure: 2.5}\n  - {size: 18}\n"
      "engine: {turbo: true, power: 90 kW}\nseats: 4\nlog: 1 GiB\n");
  const Value::Map inner{{"a", {std::int64_t{1}}}};
  const Value deep{Value::Map{{"k", {Value::List{{Value::Map{{"m", {inner}}, {"n", {true}}}}}}}}};
  EXPECT_EQ(block_yaml(deep), "k:\n  - m: {a: 1}\n    n: true\n");
}

TEST(AFieldTable, FillsInWhatAFileLeavesOut) {
  const auto [car, problems] = read("{name: mini, doors: 3}");
  EXPECT_EQ(problems, "");
  EXPECT_EQ(car, (Car{.name = "mini", .doors = 3, .seats = 4}));  // seats: one more than doors
  Given given;
  const auto document = YamlDocument::parse("{name: mini, doors: 3, colour: null}", "car.yaml");
  EXPECT_EQ(car_fields().read(document->root(), &given).doors, 3);
  EXPECT_THAT(given, ElementsAre("doors", "name"));
}

TEST(AFieldTable, SaysEverythingThatIsWrongAtItsPlace) {
  const std::string problems =
      read("{doors: two, color: red, colour: gren, weight: 9,\n engine: {power: 1 W}}").problems;
  for (const char* part :
       {"car.yaml:1:1: error: missing key 'name'", "car.yaml:1:9: error: 'two' is not a whole number for 'doors'",
        "car.yaml:1:14: error: unknown key 'color'\n  hint: did you mean 'colour'?",
        "car.yaml:1:34: error: 'gren' is not a value for 'colour'\n  hint: did you mean 'green'?",
        "car.yaml:1:48: error: '9' is out of range for 'weight'",
        "car.yaml:2:18: error: an engine without turbo has no power\n  hint: leave it out, or write turbo: true"})
    EXPECT_THAT(problems, HasSubstr(part));
  EXPECT_THAT(read("{name: x, engine: {turbo: true}}").problems, HasSubstr("missing key 'power' in 'engine'"));
  EXPECT_THAT(read("{name: x, engine: {turbo: true, power: 0 W}}").problems, HasSubstr("must be more than zero"));
  EXPECT_THAT(read("{name: x, doors: 4, seats: 2}").problems, HasSubstr("car.yaml:1:18: error: more doors than seats"));
}

TEST(AFieldTable, ExplainsItsRows) {
  const std::vector<Info> infos = car_fields().infos();
  std::vector<std::string> lines;
  for (const Info& i : infos)
    lines.push_back(i.key + "|" + i.words.kind + "|" + i.words.unit + "|" + i.words.range + "|" + i.otherwise);
  EXPECT_THAT(
      lines,
      ElementsAre("name|text|||required", "doors|integer||2 to 5|4", "colour|choice||red, green|red",
                  "weight|number||0.5 to 3|1.5", "wheels|list of maps|||", "wheels[].size|integer||1 to 30|required",
                  "wheels[].pressure|number||0 to 10|flat", "engine|map|||", "engine.turbo|flag||true, false|false",
                  "engine.power|power|W, as 700 W|1 W to 1 MW|required", "seats|integer||1 to 9|one more than doors",
                  "towed|integer||1 to 3500|what the law says", "log|size|B, as 80 GiB|at most 1 PB|1 KiB"));
}

TEST(AFieldTable, SaysWithWhatAKeyGoes) {
  EXPECT_EQ(engine_fields().infos().at(1).what, "at the shaft (with turbo: true)");
}

TEST(AFieldTable, GetsAndSetsByPath) {
  Car car = all;
  EXPECT_EQ(car_fields().get(car, "engine.turbo")->is, Value{true}.is);
  EXPECT_EQ(flow_yaml(*car_fields().get(car, "wheels.1")), "{size: 18, pressure: null}");
  EXPECT_TRUE(car_fields().set(car, "wheels.1.pressure", "3"));
  EXPECT_TRUE(car_fields().set(car, "engine.power", "100 kW"));
  EXPECT_TRUE(car_fields().set(car, "colour", "red"));
  Car wanted = all;
  wanted.wheels[1].pressure = 3;
  wanted.engine.power = Watts{100e3};
  wanted.colour = Colour::red;
  EXPECT_EQ(car, wanted);
}

TEST(AFieldTable, RefusesToSetWhatAFileCouldNotSay) {
  Car car{.name = "mini", .wheels = {{.size = 15}}};
  const Car before = car;
  const auto problems = [&](const char* path, const std::string& text) {
    const Result<void> done = car_fields().set(car, path, text);
    return done ? "" : to_string(done.error());
  };
  EXPECT_EQ(problems("doors", "two"),
            "doors: error: 'two' is not a whole number for 'doors'\n  hint: write a whole number between 2 and 5 in "
            "decimal digits, without leading zeros\n");
  EXPECT_THAT(problems("dors", "2"), HasSubstr("there is no key 'dors'\n  hint: did you mean 'doors'?"));
  EXPECT_THAT(problems("engine.pover", "1 W"), HasSubstr("did you mean 'engine.power'?"));
  EXPECT_THAT(problems("engine.power", "1 W"), HasSubstr("an engine without turbo has no power"));
  EXPECT_THAT(problems("wheels.1.size", "2"), HasSubstr("there is no key"));
  EXPECT_THAT(problems("doors.front", "2"), HasSubstr("there is no key"));
  EXPECT_THAT(problems("doors", "2\nseats: 3"), HasSubstr("unknown key 'seats'"));
  EXPECT_EQ(car, before);
  EXPECT_FALSE(car_fields().get(car, "engine.pover"));
  EXPECT_TRUE(is_nothing(*car_fields().get(car, "engine.power")));  // has none, but might
}

TEST(AFieldTable, SumsAValueUp) { EXPECT_EQ(car_fields().summary(all), "null, 2 doors"); }

// An engine's keys beside those of what holds it.
struct Boat {
  Engine engine{.turbo = true};
  int length = 3;

  bool operator==(const Boat&) const = default;
};

TEST(AFieldTable, TakesInTheRowsOfAMember) {
  const Table<Boat> boats =
      Table<Boat>().usual("length", &Boat::length, integer(1, 400), "metres").inlined(&Boat::engine, engine_fields());
  EXPECT_EQ(flow_yaml(boats.write({.engine = {.turbo = true, .power = Watts{5}}, .length = 9})),
            "{length: 9, power: 5 W}");
  const auto document = YamlDocument::parse("{length: 4, power: 7 W}", "boat.yaml");
  EXPECT_EQ(boats.read(document->root()), (Boat{.engine = {.turbo = true, .power = Watts{7}}, .length = 4}));
  EXPECT_EQ(to_string(document->problems()), "");
}

TEST(AYamlScalar, IsInQuotesWhereItCouldBeMisread) {
  for (const char* plain : {"llama3.1-8b", "/tmp/a_b.yaml", "1f1b", "80 GiB"}) EXPECT_EQ(yaml_scalar(plain), plain);
  for (const char* odd : {"", "null", "True", "12", "1e3", "a ", "a: b", "-x", "~", "#x"})
    EXPECT_EQ(yaml_scalar(odd), '"' + std::string(odd) + '"');
}

TEST(ANumber, IsWrittenWithTheFewestDigitsThatReadBack) {
  EXPECT_EQ(flow_yaml({0.1}), "0.1");
  EXPECT_EQ(flow_yaml({0.1 + 0.2}), "0.30000000000000004");
  EXPECT_EQ(flow_yaml({2.0}), "2");
}

std::string refusal_of_power(const std::string& power) {
  const auto document = YamlDocument::parse("turbo: true\npower: " + power, "engine.yaml");
  static_cast<void>(engine_fields().read(document->root()));
  return to_string(document->problems());
}

TEST(AQuantity, BeyondAnyMachineIsRefusedWithItsRange) {
  EXPECT_EQ(refusal_of_power("1e-300 W"),
            "engine.yaml:2:8: error: '1e-300 W' is out of range\n  hint: write 1 W to 1 MW\n");
  EXPECT_EQ(refusal_of_power("0 W"), "engine.yaml:2:8: error: '0 W' must be more than zero\n");
  EXPECT_NE(refusal_of_power("1.1 MW"), "");
  EXPECT_EQ(refusal_of_power("1 MW") + refusal_of_power("1 W"), "");
}

TEST(APath, InAFileIsTakenFromItsFolder) {
  EXPECT_EQ(beside("a.yaml", "there/plan.yaml"), "there/a.yaml");
  EXPECT_EQ(beside("../a.yml", "there/plan.yaml"), "there/../a.yml");
  EXPECT_EQ(beside("/a.yaml", "there/plan.yaml"), "/a.yaml");
  EXPECT_EQ(beside("a.yaml", "plan.yaml"), "a.yaml");
  EXPECT_EQ(beside("meta-llama/Llama-3-8B", "there/plan.yaml"), "meta-llama/Llama-3-8B");
  EXPECT_EQ(beside("h100", "there/plan.yaml"), "h100");
}

TEST(APath, HasASlashOrEndsAsFilesDo) {
  for (const char* path : {"a/b", "x.yaml", "x.yml", "config.json"}) EXPECT_TRUE(is_path(path)) << path;
  for (const char* name : {"h100", "llama3.1-8b", ""}) EXPECT_FALSE(is_path(name)) << name;
  EXPECT_FALSE(names_file("meta-llama/Llama-3-8B"));
}

}  // namespace
}  // namespace forerun::fields
