from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clearing", "0005_evidence")]

    operations = [
        *(
            migrations.AddField(
                model_name="instrument",
                name=name,
                field=models.CharField(default="", max_length=40),
            )
            for name in ("price_step", "lowest_price", "highest_price", "successor")
        ),
        migrations.CreateModel(
            name="AssetProfile",
            fields=[
                ("asset", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=20)),
                ("iso4217", models.CharField(max_length=3)),
                ("dti", models.CharField(max_length=9)),
                ("isin", models.CharField(max_length=12)),
                ("underlying", models.CharField(max_length=20)),
                ("leverage", models.CharField(max_length=40)),
                ("source", models.CharField(max_length=300)),
                ("sequence", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="InstrumentCodes",
            fields=[
                ("symbol", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("isin", models.CharField(max_length=12)),
                ("cfi", models.CharField(max_length=6)),
                ("mic", models.CharField(max_length=4)),
                ("dti", models.CharField(max_length=9)),
                ("upi", models.CharField(max_length=12)),
                ("venue_code", models.CharField(max_length=40)),
                ("contract_size", models.CharField(max_length=40)),
                ("sequence", models.BigIntegerField()),
            ],
            options={
                "verbose_name_plural": "instrument codes",
                "indexes": [
                    models.Index(fields=["isin"], name="codes_by_isin"),
                    models.Index(fields=["mic", "venue_code"], name="codes_by_venue"),
                ],
            },
        ),
    ]
