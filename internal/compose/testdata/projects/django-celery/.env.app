DJANGO_SETTINGS_MODULE=shop.settings.production
DJANGO_SECRET_KEY=canary-django-1909
DATABASE_URL=postgres://shop:canary-database-1909@db:5432/shop
CELERY_BROKER_URL=redis://redis:6379/0
